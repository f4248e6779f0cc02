"""Where the spool is: one private folder for each database, under a root that is the user's."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_SPOOL_DIR: Final = "ATLAS_OTEL_SPOOL_DIR"
DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a disk says that has no room, or a quota."""
TARGET_FILE: Final = "target"
"""In each database's folder: which one it is, for people. Never a secret."""


def default_root(env: Mapping[str, str] = os.environ) -> Path:
    """``ATLAS_OTEL_SPOOL_DIR``, else a folder in the user's state folder."""
    if stated := env.get(ENV_SPOOL_DIR, "").strip():
        return Path(stated).expanduser()
    import platformdirs

    return Path(platformdirs.user_state_dir("atlas-otel", appauthor=False)) / "spool"


def target_folder(root: Path, target: str) -> Path:
    """The folder under ``root`` for the database that ``target`` names (its URL without secrets)."""
    return root / hashlib.blake2b(target.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def make_folder(root: Path, target: str) -> None:
    """Make the folder for ``target``, private, and say in it what it is for. Idempotent. Raises OSError.

    Nothing here or in it is written through a symbolic link: root may be given another user's folder.
    """
    folder = target_folder(root, target)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)  # it may have been made under another umask
    note = folder / TARGET_FILE
    if not note.exists() or not note.stat().st_size:
        fd = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            file.write(target + "\n")


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
