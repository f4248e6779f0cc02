"""The body of a request, read as it comes, within bounds on what was sent and on what it unpacks to."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.collect.gunzip import Gunzip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[Any]]

_READ_S: Final = 30.0
"""How long the next piece of a body may take."""
_LEAST_RATE: Final = 16 * 1024
"""Bytes a second, on average, below which a body that has taken longer than that is given up."""


class Refusal(Exception):
    """A request that is not taken, and what its sender is told. ``retry_after``: seconds, where it may come again."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


class Disconnected(Exception):
    """The sender is gone."""


class Budget:
    """How many bytes may be in memory at once, over all requests."""

    def __init__(self, max_bytes: int) -> None:
        self.most = max_bytes
        self._left = max_bytes

    def take(self, size: int) -> None:
        """Take ``size`` bytes, or refuse for now."""
        if size > self._left:
            raise Refusal(429, "too much is being received at once; send it again", retry_after=1)
        self._left -= size

    def give_back(self, size: int) -> None:
        """What was taken is free again."""
        self._left += size


class Body:
    """One body. ``max_bytes`` bounds it before and after unpacking. ``taken``: what it holds of the budget."""

    def __init__(self, *, gzip: bool, max_bytes: int, budget: Budget) -> None:
        self._unpacker = Gunzip() if gzip else None
        self._max_bytes = max_bytes
        self._budget = budget
        self.taken = 0

    async def read(self, receive: Receive) -> bytes:
        """All of it, unpacked. Raises Refusal and Disconnected."""
        sent = 0
        parts: list[bytes] = []
        began = time.monotonic()
        while True:
            left = began + _READ_S + sent / _LEAST_RATE - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, min(left, _READ_S)))
            except asyncio.TimeoutError:
                # Not 408, at which a sender by the specification gives the body up.
                slow = f"the body came too slowly, or no more of it for {_READ_S:.0f} s; send it again"
                raise Refusal(503, slow, retry_after=1) from None
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk: bytes = message.get("body", b"")
            sent += len(chunk)
            if sent > self._max_bytes:
                raise self._too_large()
            if chunk:
                parts += self._unpacked(chunk)
            if not message.get("more_body", False):
                break
        if self._unpacker is not None and not self._unpacker.complete:
            raise Refusal(400, "the gzip body ends in the middle")
        return b"".join(parts)

    def release(self) -> None:
        """The body is no longer held."""
        self._budget.give_back(self.taken)
        self.taken = 0

    def _unpacked(self, chunk: bytes) -> list[bytes]:
        if self._unpacker is None:
            self._hold(len(chunk))
            return [chunk]
        parts: list[bytes] = []
        self._unpacker.feed(chunk)
        while True:
            room = self._max_bytes - self.taken
            try:
                part = self._unpacker.next(room + 1)
            except zlib.error:
                raise Refusal(400, "the body is not gzip") from None
            if not part:
                return parts
            if len(part) > room:
                raise self._too_large()
            self._hold(len(part))
            parts.append(part)

    def _hold(self, size: int) -> None:
        self._budget.take(size)
        self.taken += size

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body is over {self._max_bytes} bytes, sent or unpacked")
