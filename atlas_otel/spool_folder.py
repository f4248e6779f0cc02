"""Where the spool is: one private folder for each database, under a root that is the user's."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_SPOOL_DIR: Final = "ATLAS_OTEL_SPOOL_DIR"
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


def open_folder(root: Path, target: str) -> Path:
    """Make the folder for ``target``, private, and say in it what it is for. Raises SpoolError."""
    folder = target_folder(root, target)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)  # it may have been made under another umask
        note = folder / TARGET_FILE
        if not note.exists():
            fd = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
                file.write(target + "\n")
    except OSError as error:
        raise SpoolError(
            f"the spool folder {folder} cannot be used ({error.strerror}): set {ENV_SPOOL_DIR} to a folder that this "
            "user may write to"
        ) from None
    return folder
