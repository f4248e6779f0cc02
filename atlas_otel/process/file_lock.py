"""A lock on an open file, which the kernel lets go of however its holder ends."""

from __future__ import annotations

import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


O_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
O_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""For ``os.open``: nothing where a system (Windows) has not got it, which inherits no files and follows few links."""


SURVIVES: bool = fcntl is not None
"""Whether the spool's files can be told to be a living process' or a dead one's here."""


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock the file for this process alone, unless another holds it; whether it is locked. Never waits.

    ``shared``: together with others that ask so.

    Advisory: it keeps out those who ask. Raises OSError where the file system has no locks.
    """
    if fcntl is None:
        return _try_lock_windows(descriptor)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_FAR: int = 1 << 62
"""Windows locks bytes, and nobody else may then read them: one far behind the end of any file."""


def _try_lock_windows(descriptor: int) -> bool:
    import msvcrt

    at = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    finally:
        os.lseek(descriptor, at, os.SEEK_SET)
    return True
