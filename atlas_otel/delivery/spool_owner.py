"""Who writes which segments of a spool folder, and whether that process still lives.

Each process (rather: each journal) has a random token. It holds ``flock`` on ``<token>.lock`` for as long as it
lives, and writes ``<token>-<number>.seg`` beside it. The kernel lets go of a lock when its process dies, however it
dies: a lock that can be had belongs to a dead owner, and who has it may store and delete the owner's segments.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel.process.file_lock import O_CLOEXEC, O_NOFOLLOW, try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SUFFIX: Final = ".lock"
SEGMENT_SUFFIX: Final = ".seg"
SPARE_SUFFIX: Final = ".spare"
"""A segment that holds nothing yet."""


class Identity(NamedTuple):
    """Which process an owner is, for people: ``boot`` tells pids of one boot from those of another."""

    pid: int
    host: str
    boot: str
    started_ns: int


class Owner:
    """A token whose lock this process holds. Closing it lets go of the lock."""

    def __init__(self, folder: Path, token: str, fd: int) -> None:
        self.folder = folder
        self.token = token
        self._fd = fd

    @classmethod
    def create(cls, folder: Path) -> Owner:
        """A new owner in ``folder``. Raises OSError."""
        token = uuid.uuid4().hex
        # Locked before it has the name under which others look for it: never seen as a dead owner's.
        hidden = folder / f".{token}{LOCK_SUFFIX}"
        fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | O_CLOEXEC, 0o600)
        try:
            try_lock(fd)
            os.write(fd, orjson.dumps(_identity()._asdict()))
            hidden.rename(folder / f"{token}{LOCK_SUFFIX}")
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                hidden.unlink()
            raise
        return cls(folder, token, fd)

    @classmethod
    def adopt(cls, folder: Path, token: str) -> Owner | None:
        """Take over the segments of a dead owner; None where it lives, or another process was faster."""
        path = folder / f"{token}{LOCK_SUFFIX}"
        try:
            # Created where it is missing: segments whose lock somebody deleted are nobody's.
            fd = os.open(path, os.O_RDWR | os.O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        except OSError:
            return None
        try:
            if try_lock(fd) and os.fstat(fd).st_ino == path.stat().st_ino:
                return cls(folder, token, fd)
        except OSError:  # held, or deleted by an adopter that has finished
            pass
        os.close(fd)
        return None

    def segments(self) -> list[Path]:
        """The owner's segments, oldest first."""
        return sorted(self.folder.glob(f"{self.token}-*{SEGMENT_SUFFIX}"))

    def path(self, number: int, suffix: str = SEGMENT_SUFFIX) -> Path:
        """The file of the owner's segment ``number``."""
        return self.folder / f"{self.token}-{number:010d}{suffix}"

    def remove(self) -> None:
        """Delete the owner and all its segments, and let go of the lock; the lock file goes last."""
        for path in (*self.segments(), *self.folder.glob(f"{self.token}-*{SPARE_SUFFIX}")):
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            (self.folder / f"{self.token}{LOCK_SUFFIX}").unlink()
        self.close()

    def close(self) -> None:
        """Let go of the lock: in the process that took it. Idempotent.

        In a forked child this closes the child's copy only; the parent's lock stays.
        """
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def tokens(folder: Path) -> list[str]:
    """Every token that has a file in ``folder``, oldest file first."""
    found: dict[str, float] = {}
    for entry in _entries(folder):
        name = entry.name
        if name.startswith("."):
            continue
        token = name.removesuffix(LOCK_SUFFIX) if name.endswith(LOCK_SUFFIX) else name.partition("-")[0]
        if len(token) == 32 and name.endswith((LOCK_SUFFIX, SEGMENT_SUFFIX, SPARE_SUFFIX)):
            with contextlib.suppress(OSError):
                found[token] = min(found.get(token, float("inf")), entry.stat().st_mtime)
    return sorted(found, key=lambda token: found[token])


def lives(folder: Path, token: str) -> bool:
    """Whether the owner's process lives (or its segments are being replayed right now)."""
    try:
        fd = os.open(folder / f"{token}{LOCK_SUFFIX}", os.O_RDONLY | O_CLOEXEC)
    except OSError:
        return False
    try:
        return not try_lock(fd, shared=True)
    except OSError:
        return True
    finally:
        os.close(fd)


def identity_of(folder: Path, token: str) -> Identity | None:
    """Which process the owner is; None where its lock file does not say."""
    try:
        return Identity(**orjson.loads((folder / f"{token}{LOCK_SUFFIX}").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def used_bytes(folder: Path) -> int:
    """What all segments in ``folder`` take on disk, of every owner."""
    total = 0
    for entry in _entries(folder):
        if entry.name.endswith((SEGMENT_SUFFIX, SPARE_SUFFIX)):
            with contextlib.suppress(OSError):
                total += entry.stat().st_size
    return total


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _identity() -> Identity:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        boot = ""
    return Identity(os.getpid(), socket.gethostname(), boot, time.time_ns())
