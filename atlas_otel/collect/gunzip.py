"""Gzip in pieces, never more than asked for; several members one behind the other are one text."""

from __future__ import annotations

import io
import zlib
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Buffer

_GZIP: Final = 16 + zlib.MAX_WBITS
_PIECE: Final = 1024 * 1024
_READ: Final = 64 * 1024
_MAX_EMPTY: Final = 1_000
"""Members in a row that hold nothing: nobody packs so, but to keep a reader busy."""


class Gunzip:
    """Unpacks what it is fed. Raises zlib.error where that is no gzip."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)
        self._waiting = b""
        self._begun = False
        self._empty = 0

    def feed(self, data: bytes) -> None:
        """Take some bytes, to be unpacked by :meth:`next`."""
        self._waiting += data

    def next(self, most: int) -> bytes:
        """The next piece, at most ``most`` bytes; empty where more has to be fed first."""
        while self._waiting:
            if self._inflate.eof:
                self._waiting = self._waiting.lstrip(b"\0")  # padding between and after members
                if not self._waiting:
                    break
                self._empty += 1
                if self._empty > _MAX_EMPTY:
                    raise zlib.error(f"over {_MAX_EMPTY} members that hold nothing")
                self._inflate = zlib.decompressobj(_GZIP)
            self._begun = True
            part = self._inflate.decompress(self._waiting, max(1, min(most, _PIECE)))
            self._waiting = self._inflate.unconsumed_tail or self._inflate.unused_data
            if part:
                self._empty = 0
                return part
        return b""

    @property
    def complete(self) -> bool:
        """Whether the last member is whole. A text of no bytes at all is, too."""
        return self._inflate.eof or not self._begun


class _Raw(io.RawIOBase):
    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._gunzip = Gunzip()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer).cast("B")
        while not (part := self._gunzip.next(len(target))):
            data = self._source.read(_READ)
            if not data:
                if not self._gunzip.complete:
                    raise EOFError("the gzip text ends in the midst")
                return 0
            self._gunzip.feed(data)
        target[: len(part)] = part
        return len(part)


def reading(source: IO[bytes]) -> IO[bytes]:
    """What ``source`` holds packed. Reading raises EOFError where it is torn, zlib.error where it is broken."""
    return io.BufferedReader(_Raw(source), _PIECE)
