"""Where the spool is: one private folder for each database, under a root that is the user's."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import SpoolError
from atlas_otel.process.file_lock import O_CLOEXEC, O_NOFOLLOW

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_SPOOL_DIR: Final = "ATLAS_OTEL_SPOOL_DIR"
_PRIVATE: Final = 0o700
DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a disk says that has no room, or a quota."""
TARGET_FILE: Final = "target"
"""In each database's folder: which one it is, for people. Never a secret."""


def default_root(env: Mapping[str, str] = os.environ) -> Path:
    """``ATLAS_OTEL_SPOOL_DIR``, else a folder in the user's state folder. Raises SpoolError where there is no home."""
    stated = env.get(ENV_SPOOL_DIR, "").strip()
    try:
        if stated:
            return Path(stated).expanduser()
        import platformdirs

        found = Path(platformdirs.user_state_dir("atlas-otel", appauthor=False)).expanduser()
    except (RuntimeError, KeyError):  # neither HOME nor an entry in the list of users
        raise SpoolError(f"this user has no home: set {ENV_SPOOL_DIR} to a folder that it may write to") from None
    return found / "spool"


def target_folder(root: Path, target: str) -> Path:
    """The folder under ``root`` for the database that ``target`` names (its URL without secrets)."""
    return root / hashlib.blake2b(target.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def make_folder(root: Path, target: str) -> None:
    """Make the folder for ``target``, private, and say in it what it is for. Idempotent. Raises OSError.

    Nothing is changed in a folder that is another user's, nor through a symbolic link: root may be given one. ``root``
    itself may be the system's (a mounted volume), or a link of this user's to a folder of his.
    """
    folder = target_folder(root, target)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_owner(root.lstat(), root, may_be_roots=True)
    _check_owner(root.stat(), root, may_be_roots=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise PermissionError(errno.EPERM, "it is a symbolic link", str(folder))
    _check_owner(found, folder, may_be_roots=False)
    if stat.S_IMODE(found.st_mode) != _PRIVATE:  # it may have been made under another umask
        folder.chmod(_PRIVATE)
    note = folder / TARGET_FILE
    if not note.exists() or not note.stat().st_size:
        fd = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            file.write(target + "\n")


def _check_owner(found: os.stat_result, path: Path, *, may_be_roots: bool) -> None:
    if not hasattr(os, "geteuid"):  # Windows: its folders have access control lists
        return
    if found.st_uid != os.geteuid() and not (may_be_roots and found.st_uid == 0):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))


def open_folder(root: Path, target: str) -> Path:
    """:func:`make_folder`, where there is room for it. Raises SpoolError where this user may not.

    A disk that is full now is as one that is full later: what comes is refused and counted until there is room.
    """
    try:
        make_folder(root, target)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise SpoolError(
                f"the spool folder {target_folder(root, target)} cannot be used ({error.strerror}): "
                f"set {ENV_SPOOL_DIR} to a folder that this user may write to"
            ) from None
    return target_folder(root, target)
