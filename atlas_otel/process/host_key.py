"""A secret that processes of one user on one machine share: a file of 32 random bytes in the user's state folder.

With it they sign what they tell each other (``tracing/session_trust.py``). It never leaves the machine, and is made
when first needed. Where there is no home, or none that can be written to, there is no key.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BYTES: Final = 32
_FILE: Final = "session.key"


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """``ATLAS_OTEL_SPOOL_DIR``, else the user's state folder for atlas-otel.

    Raises OSError where the user has no home.
    """
    if stated := env.get("ATLAS_OTEL_SPOOL_DIR", "").strip():
        return Path(stated)
    import platformdirs

    try:
        return Path(platformdirs.user_state_dir("atlas-otel", appauthor=False)).expanduser()
    except (RuntimeError, KeyError) as error:  # no HOME and no entry in the list of users
        raise OSError(f"this user has no home: {error}") from None


def host_key(folder: Path | None = None) -> bytes | None:
    """The key, made where there is none yet; None where it cannot be had, or is not this user's alone."""
    try:
        folder = state_folder() if folder is None else folder
        path = folder / _FILE
        return _read(path) or _made(path)
    except (OSError, RuntimeError):
        return None


def _read(path: Path) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(fd)
        if hasattr(os, "geteuid") and (about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077):
            raise PermissionError("the key is not this user's alone")
        held = file.read(_BYTES)
    return held if len(held) == _BYTES else None


def _made(path: Path) -> bytes | None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{_FILE}.{secrets.token_hex(8)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        try:
            os.link(beside, path)  # never over one that another process made meanwhile
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
    return _read(path)
