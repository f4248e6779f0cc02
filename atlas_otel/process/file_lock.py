"""A lock on an open file, which the kernel lets go of however its holder ends."""

from __future__ import annotations

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def try_lock(descriptor: int) -> bool:
    """Lock the file for this process alone, unless another holds it; whether it is locked. Never waits.

    Advisory: it keeps out those who ask. Raises OSError where the file system has no locks.
    """
    if fcntl is None:
        return _try_lock_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_FAR: int = 1 << 62
"""Windows locks bytes, and nobody else may then read them: one far behind the end of any file."""


def _try_lock_windows(descriptor: int) -> bool:
    import msvcrt
    import os

    at = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    finally:
        os.lseek(descriptor, at, os.SEEK_SET)
    return True
