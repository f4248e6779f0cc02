"""Connections that say nothing keep nobody out.

A connection without a request must send one's headers in :data:`HEADERS_S`. Where there are as many connections as
there may be, of one peer or in all, the one that has been silent for longest makes room for the next; only where none
is silent is the next one turned away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

HEADERS_S: Final = 10.0
"""How long a connection may take from its first byte (or from its beginning) until its request's headers are there."""
_TURNED_AWAY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class Connections:
    """The connections of one listener. ``most``: in all; ``of_a_peer``: from one address."""

    def __init__(self, most: int, of_a_peer: int) -> None:
        self._most = most
        self._of_a_peer = of_a_peer
        self._peers: dict[str, dict[GuardedProtocol, None]] = {}
        self._silent: dict[GuardedProtocol, None] = {}
        self._count = 0
        self.evicted = 0
        """How many silent ones had to make room."""
        self.turned_away = 0

    def take(self, one: GuardedProtocol) -> bool:
        """Whether ``one``, which has just come, may stay."""
        peer = self._peers.setdefault(one.peer, {})
        if len(peer) >= self._of_a_peer and not self._evict(next((c for c in peer if c in self._silent), None)):
            return self._turn_away(one)
        if self._count >= self._most and not self._evict(next(iter(self._silent), None)):
            return self._turn_away(one)
        self._peers.setdefault(one.peer, {})[one] = None
        self._count += 1
        self.is_silent(one)
        return True

    def is_silent(self, one: GuardedProtocol) -> None:
        """``one`` waits for a request, from now on."""
        self._silent.pop(one, None)
        self._silent[one] = None

    def has_spoken(self, one: GuardedProtocol) -> None:
        """A request of ``one`` is there."""
        self._silent.pop(one, None)

    def gone(self, one: GuardedProtocol) -> None:
        """``one`` is closed. Idempotent."""
        self._silent.pop(one, None)
        peer = self._peers.get(one.peer)
        if peer is not None and peer.pop(one, self) is None:
            self._count -= 1
            if not peer:
                del self._peers[one.peer]

    def _evict(self, one: GuardedProtocol | None) -> bool:
        if one is None:
            return False
        self.evicted += 1
        self.gone(one)
        one.transport.abort()
        return True

    def _turn_away(self, one: GuardedProtocol) -> bool:
        self.turned_away += 1
        if not self._peers.get(one.peer):
            self._peers.pop(one.peer, None)
        one.transport.write(_TURNED_AWAY)
        one.transport.close()
        return False


class GuardedProtocol(H11Protocol):
    """One connection."""

    def __init__(self, connections: Connections, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._all = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._taken = False
        self.peer = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer has connected."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self._taken = self._all.take(self)
        if self._taken:
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._stop_clock()
        self._all.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request are here."""
        if not self._taken:
            return
        if self._waits and self._deadline is None:
            self._expect_headers()
        super().data_received(data)
        if not self._waits:
            self._stop_clock()
            self._all.has_spoken(self)

    def on_response_complete(self) -> None:
        """A request is answered; the next one may come."""
        if self._taken and not self.transport.is_closing():
            self._all.is_silent(self)
        super().on_response_complete()
        if not self._waits:  # the next request was there already
            self._all.has_spoken(self)

    @property
    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADERS_S, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        if self._waits:
            self.transport.abort()

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def guarded(connections: Connections) -> Callable[..., GuardedProtocol]:
    """What uvicorn makes a protocol with."""

    def make(*arguments: Any, **named: Any) -> GuardedProtocol:
        return GuardedProtocol(connections, *arguments, **named)

    return make
