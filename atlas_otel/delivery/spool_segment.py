"""One segment file of the spool: preallocated, records framed with length and checksum, zeros after the last.

A record is in the file as soon as :meth:`Segment.write` returns: in the page cache, which outlives the process. Where
the file system really reserves what ``posix_fallocate`` promises, frames are written through a memory map (one copy, no
system call); elsewhere a full disk would then kill the process with SIGBUS, so ``pwrite`` is used.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from xxhash import xxh3_64_intdigest

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC: Final = b"ATLSPL2\n"
"""The first bytes of a segment: the format and its version."""
_VERSIONED: Final = re.compile(rb"ATLSPL[0-9]\n")
FRAME: Final = struct.Struct("<II")
"""Before each record: its length and its checksum."""

_RESERVING: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "f2fs", "overlay"})
"""File systems on which preallocated blocks can be written to whatever else fills the disk."""
_MADV_POPULATE_WRITE: Final = 23  # Linux 5.14; not among the mmap module's names
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


class Segment:
    """A segment that this process writes. Its caller holds a lock around every method."""

    def __init__(self, path: Path, size: int, *, mapped: bool) -> None:
        """Create the file and reserve its blocks. Raises OSError where there is no room."""
        self.path = path
        self.size = size
        self.tail = len(MAGIC)
        self._touched = len(MAGIC)
        self._map: mmap.mmap | None = None
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _reserve(self._fd, size)
            if mapped:
                self._map = mmap.mmap(self._fd, size)
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
        """Add a frame. It counts only once it is whole: a process killed in between leaves a checksum that fails."""
        start = self.tail + FRAME.size
        end = start + len(payload)
        if self._map is not None:
            while end > self._touched:
                self._touch()
            self._map[self.tail : start] = head
            self._map[start:end] = payload
        else:
            written = os.pwrite(self._fd, head + payload, self.tail)
            if written != FRAME.size + len(payload):
                raise OSError(28, "only a part of the frame could be written")
        self.tail = end

    def _touch(self) -> None:
        """Bring the next pages into memory. Zeros written at once take a fifth of what a page fault for each does."""
        end = min((self._touched // _SLICE + 1) * _SLICE, self.size)
        self._touched += os.pwrite(self._fd, _ZEROS[: end - self._touched], self._touched)

    def populate(self) -> Iterator[None]:
        """Bring all pages into memory and into the map ahead of the writes, a slice at each step."""
        if self._map is None:
            return
        for start in range(0, self.size, _SLICE):
            while self._touched < min(start + _SLICE, self.size):
                self._touch()
            with contextlib.suppress(OSError, ValueError):  # an older kernel, another system
                self._map.madvise(_MADV_POPULATE_WRITE, start, min(_SLICE, self.size - start))
            yield

    def wipe(self) -> Iterator[None]:
        """Make the segment empty again, a slice at each step; its pages stay mapped."""
        for start in range(len(MAGIC), self.tail, _SLICE):
            end = min(start + _SLICE, self.tail)
            if self._map is not None:
                self._map[start:end] = _ZEROS[: end - start]
            else:
                os.pwrite(self._fd, _ZEROS[: end - start], start)
            yield
        self.tail = len(MAGIC)

    def rename(self, path: Path) -> None:
        """Give the file another name in its folder."""
        self.path.rename(path)
        self.path = path

    def close(self) -> None:
        """Let go of the file, which stays. Idempotent."""
        if self._map is not None:
            self._map.close()
            self._map = None
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
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
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
        limit = min(limit, self.size)
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

    def _nothing_at(self, position: int) -> bool:
        header = os.pread(self._fd, FRAME.size, position)
        return len(header) < FRAME.size or FRAME.unpack(header)[0] == 0

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def reserves_blocks(folder: Path) -> bool:
    """Whether preallocated files in ``folder`` are safe to write through a memory map when the disk is full."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape").splitlines()
        real = os.path.realpath(folder)
    except OSError:  # not Linux
        return False
    best, kind = "", ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind in _RESERVING


def _reserve(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    for start in range(0, size, _SLICE):
        os.pwrite(fd, _ZEROS[: min(_SLICE, size - start)], start)
