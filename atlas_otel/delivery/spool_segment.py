"""One segment file of the spool: preallocated, records framed with length and checksum, zeros after the last.

A record is in the file as soon as :meth:`Segment.write` returns: in the page cache, which outlives the process. It gets
there by ``pwrite``, never through a memory map: a page of one kills its process by SIGBUS where the disk is full or
another process has cut the file short, and a system call answers with an error (ADR 0013).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from xxhash import xxh3_64_intdigest

from atlas_otel.process.file_lock import O_CLOEXEC, O_NOFOLLOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MAGIC: Final = b"ATLSPL2\n"
"""The first bytes of a segment: the format and its version."""
_VERSIONED: Final = re.compile(rb"ATLSPL[0-9]\n")
FRAME: Final = struct.Struct("<II")
"""Before each record: its length and its checksum."""

_SLICE: Final = 512 * 1024
_ZEROS: Final = bytes(_SLICE)
_HELD: Final = 65_536
"""Bytes. A library may let go of the interpreter for more than that, and the agent's thread would then wait for the
drain to give it back: 5 ms, for a sum that takes microseconds."""
_SUM: Final = 0xFFFF_FFFF


def head_of(payload: bytes) -> bytes:
    """What stands before a record in a segment."""
    return FRAME.pack(len(payload), checksum_of(payload))


def checksum_of(payload: bytes) -> int:
    """XXH3 of a record, of which 32 bits are kept; seeded with its length, so that a damaged length fails too."""
    size = len(payload)
    if size <= _HELD:
        return xxh3_64_intdigest(payload, size) & _SUM
    view = memoryview(payload)
    checksum = size
    for start in range(0, size, _HELD):
        checksum = xxh3_64_intdigest(view[start : start + _HELD], checksum)
    return checksum & _SUM


def _pwrite_that_keeps_the_interpreter() -> Callable[[int, bytes, int, int], int]:
    """``pwrite(2)`` that does not let go of the interpreter, as ``os.pwrite`` does: the agent's thread would then wait
    for the drain to give it back, up to a millisecond for a copy that takes one thousandth of it.

    Answers what the system call does; -1 for every error, which ``os.pwrite`` then raises.
    """
    try:
        import ctypes

        found = ctypes.PyDLL(None)
        call = found.pwrite64 if hasattr(found, "pwrite64") else found.pwrite
        call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64)
        call.restype = ctypes.c_ssize_t
    except (ImportError, OSError, AttributeError, TypeError):  # another system, or a Python without ctypes
        return lambda fd, frame, size, at: -1
    return call


_pwrite: Final = _pwrite_that_keeps_the_interpreter()


class Segment:
    """A segment that this process writes. Its caller holds a lock around every method."""

    def __init__(self, path: Path, size: int) -> None:
        """Create the file and reserve its blocks. Raises OSError where there is no room."""
        self.path = path
        self.size = size
        self.tail = len(MAGIC)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | O_CLOEXEC, 0o600)
        try:
            _reserve(self._fd, size)
            os.pwrite(self._fd, MAGIC, 0)
        except BaseException:
            self.close()
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    @property
    def open(self) -> bool:
        """Whether it can be written."""
        return self._fd >= 0

    def fits(self, size: int) -> bool:
        """Whether a frame of that size has room."""
        return self.tail + size <= self.size

    def write(self, head: bytes, payload: bytes) -> None:
        """Add a frame. It counts only once it is whole: a process killed in between leaves a checksum that fails.

        Raises OSError where it could not be written, and :attr:`tail` stays where it was.
        """
        frame = head + payload
        size = len(frame)
        tail = self.tail
        if _pwrite(self._fd, frame, size, tail) != size and os.pwrite(self._fd, frame, tail) != size:
            raise OSError(errno.ENOSPC, "only a part of the frame could be written")
        self.tail = tail + size

    def wipe(self) -> Iterator[None]:
        """Make the segment empty again, a slice at each step."""
        for start in range(len(MAGIC), self.tail, _SLICE):
            end = min(start + _SLICE, self.tail)
            os.pwrite(self._fd, _ZEROS[: end - start], start)
            yield
        self.tail = len(MAGIC)

    def rename(self, path: Path) -> None:
        """Give the file another name in its folder."""
        self.path.rename(path)
        self.path = path

    def shrink(self) -> None:
        """Give back the blocks behind the last frame. Nothing is written after that."""
        with contextlib.suppress(OSError):
            if self._fd >= 0:
                os.ftruncate(self._fd, self.tail)
            else:
                os.truncate(self.path, self.tail)

    def close(self) -> None:
        """Let go of the file, which stays. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Frames(NamedTuple):
    """Payloads read from a segment, and how many frames on the way were damaged.

    ``torn``: the last frame of all is incomplete: its writer died while writing it, so it was never promised.
    """

    payloads: list[bytes]
    damaged: int
    torn: bool


class SegmentReader:
    """Reads a segment front to back, also while another thread writes it.

    One whose header is damaged is read too: each record has a checksum of its own.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be read, or is of a version that this one does not know."""
        self._fd = os.open(path, os.O_RDONLY | O_CLOEXEC | O_NOFOLLOW | getattr(os, "O_NONBLOCK", 0))
        try:
            self.size = os.fstat(self._fd).st_size
            header = os.pread(self._fd, len(MAGIC), 0)
            if _VERSIONED.fullmatch(header) and header != MAGIC:
                raise OSError(errno.ENOTSUP, f"a segment of another version: {header!r}")
        except BaseException:
            self.close()
            raise
        self.position = len(MAGIC)

    def read(self, limit: int, max_records: int, max_bytes: int) -> Frames:
        """The next whole frames before ``limit``, at least one where there is one; moves on behind them.

        A frame whose checksum fails is skipped and counted, if its length is possible; else the rest is lost with it.
        """
        payloads: list[bytes] = []
        damaged = 0
        torn = False
        position = self.position
        limit = min(limit, os.fstat(self._fd).st_size)  # the file may have been cut short since
        window = os.pread(self._fd, max(0, min(max_bytes, limit - position)), position)
        at = 0
        while len(payloads) < max_records and position + at + FRAME.size <= limit:
            if at + FRAME.size > len(window):
                if at:
                    break
                window = os.pread(self._fd, FRAME.size, position)
                if len(window) < FRAME.size:
                    break
            length, checksum = FRAME.unpack_from(window, at)
            if length == 0:
                behind = self._behind_hole(position + at, limit)
                if behind is None:
                    break
                damaged += 1
                at = behind - position
                break
            end = at + FRAME.size + length
            if position + end > limit:
                damaged += 1
                at = limit - position
                break
            if end > len(window):
                if at:
                    break
                window = os.pread(self._fd, end, position)  # one record larger than the window
            payload = window[at + FRAME.size : end]
            at = end
            if checksum_of(payload) == checksum:
                payloads.append(payload)
            elif self._nothing_at(position + at):
                torn = True
            else:
                damaged += 1
        self.position = position + at
        return Frames(payloads, damaged, torn)

    def _behind_hole(self, position: int, limit: int) -> int | None:
        """Where the next whole frame begins after zeros: a file that was cut short while it was written has them, in
        place of what was cut off. None where nothing but zeros follows."""
        start = position
        while start < limit:
            window = os.pread(self._fd, min(_SLICE, limit - start), start)
            found = len(window) - len(window.lstrip(b"\0"))
            if not window:
                return None
            if found == len(window):
                start += found
                continue
            # A length may begin with zeros of its own.
            for begins in range(start + found, max(position, start + found - FRAME.size), -1):
                if self._whole_at(begins, limit):
                    return begins
            return None
        return None

    def _whole_at(self, position: int, limit: int) -> bool:
        header = os.pread(self._fd, FRAME.size, position)
        if len(header) < FRAME.size:
            return False
        length, checksum = FRAME.unpack(header)
        if not length or position + FRAME.size + length > limit:
            return False
        return bool(checksum_of(os.pread(self._fd, length, position + FRAME.size)) == checksum)

    def _nothing_at(self, position: int) -> bool:
        header = os.pread(self._fd, FRAME.size, position)
        return len(header) < FRAME.size or FRAME.unpack(header)[0] == 0

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _reserve(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    for start in range(0, size, _SLICE):
        os.pwrite(fd, _ZEROS[: min(_SLICE, size - start)], start)
