"""What the page's server is told: where it listens, who may do what, and what it may show. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import urlsplit

from atlas_otel.errors import ConfigError, UsageError
from atlas_otel.models.rubric import RubricConfig
from atlas_otel.ui.shapes.setup import Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""From the one that may least."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, and what they may do."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether they may do what ``role`` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class UiOptions:
    """``user``: who asks where nobody has to say (loopback without tokens). ``tokens``: users by their tokens.
    ``user_header``: the header in which a reverse proxy names the user; ``roles``: these users' roles, the others have
    ``default_role``. ``allowed_hosts``: names under which the page is asked for, beside the address itself.

    Raises UsageError where the page would be open to anybody.
    """

    database_url: str
    host: str = "127.0.0.1"
    port: int = 4340
    user: str = "reviewer"
    tokens: Mapping[str, User] = field(default_factory=dict)
    user_header: str | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    default_role: Role = "view"
    allowed_hosts: tuple[str, ...] = ()
    jaeger_url: str | None = None
    datasets: Path | None = None
    rubric: RubricConfig = field(default_factory=RubricConfig)

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.tokens and self.user_header is None:
            raise UsageError(
                f"{self.host} is not a loopback address: give --token-file, or --user-header with a proxy in front"
            )
        if self.tokens and self.user_header is not None:
            raise UsageError("--token-file and --user-header are two ways to say who asks: give one")
        if self.jaeger_url is not None:
            object.__setattr__(self, "jaeger_url", checked_link(self.jaeger_url, "ATLAS_OTEL_JAEGER_URL"))

    @property
    def open(self) -> bool:
        """Whether nobody has to say who they are."""
        return not self.tokens and self.user_header is None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_link(url: str, source: str) -> str:
    """``url``, without a slash at its end. Raises ConfigError for anything but plain http or https."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError(f"{source} is not a URL: {url!r}") from None
    plain = parts.scheme in ("http", "https") and parts.hostname and not (parts.username or parts.password)
    if not plain or not port_is_right or parts.query or parts.fragment or any(one.isspace() for one in url):
        raise ConfigError(f"{source} has to be http:// or https:// with a host, without a user or a query")
    return url.rstrip("/")


def users_of(text: str, source: str) -> dict[str, User]:
    """The users of a token file: a line each, ``NAME ROLE TOKEN``; ``#`` begins a comment.

    Raises ConfigError that names the line, and no token.
    """
    found: dict[str, User] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) != 3 or words[1] not in ROLES:
            raise ConfigError(f"{source}, line {number}: expected NAME {'|'.join(ROLES)} TOKEN")
        name, role, token = words
        if len(token) < 16:
            raise ConfigError(f"{source}, line {number}: the token of {name} is shorter than 16 characters")
        if token in found:
            raise ConfigError(f"{source}, line {number}: {name} has the token of somebody else")
        found[token] = User(name, next(one for one in ROLES if one == role))
    if not found:
        raise ConfigError(f"{source} holds no user: expected lines NAME {'|'.join(ROLES)} TOKEN")
    return found
