"""Who may ask what, and from where: Host, Origin, tokens, roles. Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.ui.options import User, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.ui.options import UiOptions
    from atlas_otel.ui.shapes.base import Code

COOKIE: Final = "atlas_ui"
CSRF_HEADER: Final = "x-atlas-csrf"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")

SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' data: "
        b"blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
"""Of every answer: what the page may load and run, and that nobody else frames or reads it."""


class Denied(Exception):
    """A request that is not served."""

    def __init__(self, status: int, code: Code, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Given(NamedTuple):
    """What a request says of itself. Names of headers are in lower case; a header that came twice is joined by a comma,
    which no rule here takes."""

    method: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]


class Guard:
    """Decides who asks. ``secret`` is of this process: cookies and write tokens end with it."""

    def __init__(self, options: UiOptions, secret: bytes, port: int) -> None:
        self._options = options
        self._secret = secret
        self.hosts = frozenset(_hosts(options, port))

    def check_host(self, given: Given) -> None:
        """Raise Denied unless the page is asked for under a name of its own: no DNS name of others leads here."""
        if given.headers.get("host", "").lower() not in self.hosts:
            raise Denied(403, "wrong_host", "the page is not served under this name: see --allow-host")

    def check_origin(self, given: Given) -> None:
        """Raise Denied for what another site's page asks."""
        origin = given.headers.get("origin")
        if origin is not None:
            scheme, separator, host = origin.lower().partition("://")
            if scheme not in ("http", "https") or not separator or host not in self.hosts:
                raise Denied(403, "wrong_origin", "another page asked for this")
        if given.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Denied(403, "wrong_origin", "another page asked for this")

    def user(self, given: Given) -> User:
        """Who asks. Raises Denied where nobody does who is known."""
        options = self._options
        if options.open:
            return User(options.user, "admin")
        if options.user_header is not None:
            name = given.headers.get(options.user_header.lower(), "").strip()
            if not name or "," in name or len(name) > 200 or not name.isprintable():
                raise Denied(401, "unauthenticated", f"the proxy named no user in {options.user_header}")
            return User(name, options.roles.get(name, options.default_role))
        scheme, _, token = given.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (found := self.of_token(token.strip())) is not None:
            return found
        cookie = given.cookies.get(COOKIE, "")
        for token, user in options.tokens.items():
            if hmac.compare_digest(cookie.encode(), self.cookie(token).encode()):
                return user
        raise Denied(401, "unauthenticated", "open the page with ?token=… once, or send Authorization: Bearer …")

    def of_token(self, token: str) -> User | None:
        """Whose token it is. Takes as long for every token."""
        found = None
        for known, user in self._options.tokens.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = user
        return found

    def cookie(self, token: str) -> str:
        """What stands for a token in the browser: of no use after this process."""
        return self._signed(b"cookie", token)

    def csrf_token(self, user: User) -> str:
        """What a page of this server's gets, and no other page: each write shows it."""
        return self._signed(b"csrf", user.name)

    def check_write(self, given: Given, user: User) -> None:
        """Raise Denied for a write that does not come from the page."""
        if not hmac.compare_digest(given.headers.get(CSRF_HEADER, "").encode(), self.csrf_token(user).encode()):
            raise Denied(403, "wrong_csrf_token", "the page is from before the server's start: reload it")

    def sign(self, text: str) -> str:
        """A signature of this process'."""
        return self._signed(b"confirm", text)

    def _signed(self, purpose: bytes, text: str) -> str:
        return hmac.new(self._secret, purpose + b"\x00" + text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _hosts(options: UiOptions, port: int) -> list[str]:
    names = list(_LOOPBACK) if is_loopback(options.host) else []
    if options.host not in ("0.0.0.0", "::", *names):  # noqa: S104  (compared with, not bound to)
        names.append(f"[{options.host}]" if ":" in options.host else options.host)
    found = [f"{name.lower()}:{port}" for name in names]
    if port == 80:
        found += [name.lower() for name in names]
    return found + [name.lower() for name in options.allowed_hosts]
