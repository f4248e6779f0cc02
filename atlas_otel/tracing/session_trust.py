"""Whose word counts where W3C baggage names a session: anybody can send ``baggage: atlas.session.id=…``.

A process that propagates its session signs the key; one that receives it asks for the signature. What is signed is
the key alone, so whoever was sent a signed value can show it again: it lets nobody into a session that he was not told.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.settings import AcceptSession

_DIGITS: Final = 32
_REMEMBERED: Final = 256


def _no_key() -> bytes | None:
    return None


class SessionTrust:
    """Signs session keys, and says which of another process to accept. Thread-safe.

    - ``never``: none.
    - ``same-host``: those signed by a process of this user on this machine, or with the shared secret.
    - ``signed``: those signed with the shared secret.
    - ``always``: any, signed or not.

    ``secret``: shared by processes on several machines. ``host_key``: gives the key of this user on this machine.
    """

    def __init__(
        self, accept: AcceptSession = "never", secret: str | None = None, host_key: Callable[[], bytes | None] = _no_key
    ) -> None:
        self.accept = accept
        self._secret = secret.encode() if secret else None
        self._host_key = host_key
        self._held: bytes | None = None
        self._verified: dict[tuple[str, object], bool] = {}

    def sign(self, key: str) -> str | None:
        """The signature that other processes ask for; None where there is nothing to sign with."""
        secret = self._secret or self._of_host()
        return None if secret is None else _signature(secret, key)

    def accepts(self, key: str, signature: object) -> bool:
        """Whether a session that another process names is one to join."""
        if self.accept == "always":
            return True
        if self.accept == "never" or not isinstance(signature, str):
            return False
        asked = (key, signature)
        known = self._verified.get(asked)
        if known is None:
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            known = self._verified[asked] = self._verify(key, signature)
        return known

    def _verify(self, key: str, signature: str) -> bool:
        secrets = [self._secret] if self._secret is not None else []
        if self.accept == "same-host" and (host := self._of_host()) is not None:
            secrets.append(host)
        shown = signature.encode("utf-8", "replace")
        return any(hmac.compare_digest(_signature(secret, key).encode(), shown) for secret in secrets)

    def _of_host(self) -> bytes | None:
        if self._held is None:
            self._held = self._host_key()
        return self._held


def _signature(secret: bytes, key: str) -> str:
    said = f"atlas.session.id={key}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, said, hashlib.sha256).hexdigest()[:_DIGITS]
