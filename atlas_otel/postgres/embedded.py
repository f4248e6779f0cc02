"""A Postgres server from a wheel, for the demo, the tests and a laptop.

A folder holds one server::

    <folder>/data     the database cluster
    <folder>/log      what the server says
    <folder>/gate     locked by whoever starts or stops the server
    <folder>/users    locked, shared, by every process that uses the server
    <folder>/keeper   locked by the keeper

Any number of processes may use one folder at once. The locks are ``flock`` locks, which the kernel drops however a
process dies, so there is no list of pids to go stale. A small *keeper* process stops the server some seconds after
its last user is gone; nothing is registered to run at exit. A server that was killed is started again, through
Postgres' own crash recovery, by the next process that asks for it.

It listens on a Unix socket only, in a folder that only the server's user (and root) may enter; whoever can reach
the socket is trusted. As root, the server runs as the system user ``atlas-otel``, which is made where it lacks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atlas_otel.errors import ConfigError, RetryableStoreError
from atlas_otel.postgres import _keeper, _wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DATABASE: Final = "atlas"
"""The database that is made in a new server."""
_SUPERUSER: Final = "postgres"
_PORT: Final = 5432  # names the socket file; nothing listens on TCP
_SOCKET_PATH_LIMIT: Final = 100  # bytes; 103 on macOS, 107 on Linux
_PATIENCE_S: Final = 60.0
_LINGER_S: Final = 5.0
_ROOT_FOLDER: Final = "/var/lib/atlas-otel"
_INITDB: Final = ("--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions", "--no-sync")
_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}

_held: dict[Path, int] = {}  # folder → descriptor of its `users` lock, kept until this process ends
_held_lock = threading.Lock()


def default_folder() -> Path:
    """Where ``embedded`` keeps its data: this user's data folder, or, as root, ``/var/lib/atlas-otel/postgres``.

    Root's home is closed to the server's user, so root's data stands outside it.
    """
    if os.geteuid() == 0:
        return Path(_ROOT_FOLDER, "postgres")
    return platformdirs.user_data_path("atlas-otel", appauthor=False) / "postgres"


def ensure_running(
    folder: str | Path | None = None, *, settings: Mapping[str, str] | None = None, linger_s: float = _LINGER_S
) -> str:
    """Start the server of ``folder`` unless it runs, and hold it until this process ends. Returns a conninfo.

    ``settings`` (``postgresql.conf``) and ``linger_s`` (seconds from the last user's end to the server's) count only
    for the process that starts the server. Raises ConfigError where it cannot run here.
    """
    if sys.platform == "win32":
        raise ConfigError("the embedded database does not run on Windows: give a Postgres URL")
    path = (Path(folder).expanduser() if folder else default_folder()).resolve()
    with _held_lock:
        try:
            return _Server(path, {**_SETTINGS, **(settings or {})}, linger_s).ensure_running()
        except PermissionError as error:
            raise ConfigError(
                f"the embedded database's folder {path} is closed to this user: {error.strerror}"
            ) from None
        except OSError as error:
            raise ConfigError(f"the embedded database cannot run in {path}: {error.strerror or error}") from None


def release(folder: str | Path | None = None) -> None:
    """Let go of the server before this process ends. Without another user, its keeper stops it soon after."""
    path = (Path(folder).expanduser() if folder else default_folder()).resolve()
    with _held_lock:
        descriptor = _held.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)


def stop(folder: str | Path | None = None) -> None:
    """Stop the server of ``folder`` now, whoever uses it, and wait for its end. The next user starts it again."""
    path = (Path(folder).expanduser() if folder else default_folder()).resolve()
    _keeper.stop(path / "data")


class _Server:
    def __init__(self, folder: Path, settings: Mapping[str, str], linger_s: float) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._settings = settings
        self._linger_s = linger_s

    def ensure_running(self) -> str:
        user = self._prepare_folder()
        gate = _keeper.open_lock(self._folder / "gate")
        try:
            self._wait_for_lock(gate)
            self._hold()
            if (conninfo := self._reached()) is None:
                self._start(user)
                conninfo = self._wait_until_reached()
            self._ensure_keeper()
            return conninfo
        finally:
            os.close(gate)

    def _prepare_folder(self) -> _wheel.ServerUser:
        _wheel.package_folder()  # says so now if the wheel is missing
        if not self._folder.exists():
            _make_folder(self._folder)
        elif not self._data.exists() and not (self._folder / "gate").exists() and any(self._folder.iterdir()):
            raise ConfigError(f"{self._folder} is not empty and holds no embedded database: name another folder")
        owner = self._folder.stat().st_uid
        user = _wheel.server_user(owner or None)
        if user.other and owner == 0:
            os.chown(self._folder, user.uid, user.gid)
        self._folder.chmod(0o700)
        if user.other:
            self._check_way_to_folder(user)
        return user

    def _check_way_to_folder(self, user: _wheel.ServerUser) -> None:
        try:
            self._run(["/bin/ls", "-d", f"{self._folder}/."], user)
        except ConfigError:
            raise ConfigError(
                f"as root the embedded database runs as the user {user.name}, who may not pass through the folders "
                f"above {self._folder}: name a folder outside of root's home, such as {_ROOT_FOLDER}/postgres"
            ) from None

    def _hold(self) -> None:
        if self._folder not in _held:
            users = _keeper.open_lock(self._folder / "users")
            # The keeper looks at this lock for a moment at a time; nobody else ever locks it alone.
            self._wait_for_lock(users, shared=True)
            _held[self._folder] = users

    def _start(self, user: _wheel.ServerUser) -> None:
        pid = _keeper.postmaster_of(self._data)
        if pid is not None:
            # It runs, but its socket is gone (somebody cleaned /tmp): nobody can reach it any more.
            _keeper.stop(self._data)
        major = self._data / "PG_VERSION"
        binaries = _wheel.binaries(int(major.read_text()) if major.exists() else None, user, copies=Path(_ROOT_FOLDER))
        if not major.exists():
            self._initialise(binaries, user)
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # no server runs: it is a killed one's
        options = {**self._settings, "unix_socket_directories": str(self._socket_folder(user)), "port": str(_PORT)}
        stated = " ".join(f"-c {key}={_quoted(value)}" for key, value in options.items())
        log = self._folder / "log"
        self._run(
            [
                binaries / "pg_ctl",
                "start",
                "-w",
                "-t",
                str(int(_PATIENCE_S)),
                "-D",
                self._data,
                "-l",
                log,
                "-o",
                stated,
            ],
            user,
            log,
        )

    def _initialise(self, binaries: Path, user: _wheel.ServerUser) -> None:
        # Made beside its place and renamed: an initdb that was killed leaves no half a cluster.
        scratch = self._folder / "data.new"
        if scratch.exists():
            self._run(["/bin/rm", "-rf", scratch], user)
        self._run(
            [binaries / "initdb", "-D", scratch, "-U", _SUPERUSER, *_INITDB],
            user,
        )
        scratch.rename(self._data)

    def _socket_folder(self, user: _wheel.ServerUser) -> Path:
        # Not `data`: the shorter the path the better, as a socket's path has about a hundred bytes.
        if len(os.fsencode(self._folder / f".s.PGSQL.{_PORT}.lock")) <= _SOCKET_PATH_LIMIT:
            return self._folder
        short = Path(tempfile.mkdtemp(prefix="atlas-otel-", dir="/tmp"))  # 0700, of a random name
        if user.other:
            os.chown(short, user.uid, user.gid)
        return short

    def _reached(self) -> str | None:
        """The conninfo where the server answers; None where no server listens."""
        deadline = time.monotonic() + _PATIENCE_S
        while (conninfo := self._conninfo()) is not None:
            try:
                with psycopg.connect(conninfo, dbname="postgres", connect_timeout=10, autocommit=True) as connection:
                    _ensure_database(connection)
                return conninfo
            except psycopg.errors.ConnectionTimeout:
                raise RetryableStoreError(f"the embedded database in {self._folder} does not answer") from None
            except psycopg.errors.CannotConnectNow:  # it starts, recovers or stops right now
                if time.monotonic() > deadline:
                    raise RetryableStoreError(f"the embedded database in {self._folder} does not get ready") from None
                time.sleep(0.02)
            except psycopg.OperationalError as error:
                # Without an SQLSTATE, no server spoke: nobody listens. With one, it is there (and full, perhaps).
                return None if error.sqlstate is None else conninfo
        return None

    def _wait_until_reached(self) -> str:
        conninfo = self._reached()
        if conninfo is None:
            raise ConfigError(f"the embedded database started but does not answer; see {self._folder / 'log'}")
        return conninfo

    def _conninfo(self) -> str | None:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5 or not lines[4]:
            return None
        return make_conninfo(host=lines[4], port=int(lines[3]), user=_SUPERUSER, dbname=DATABASE)

    def _ensure_keeper(self) -> None:
        keeper = _keeper.open_lock(self._folder / "keeper")
        vacant = _keeper.try_lock(keeper)
        os.close(keeper)
        if vacant:
            arguments = [_python(), "-I", "-S", _keeper.__file__, str(self._folder), str(self._linger_s)]
            subprocess.run(
                arguments,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
            )

    def _run(self, arguments: Sequence[str | Path], user: _wheel.ServerUser, log: Path | None = None) -> None:
        # Output goes to a file: a server that is started inherits it, and would hold a pipe open for ever. The
        # environment is bare, because the agent's may hold keys that are none of the server's business.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                cwd="/",
                umask=0o077,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                user=user.uid if user.other else None,
                group=user.gid if user.other else None,
                extra_groups=[] if user.other else None,
            )
            if done.returncode == 0:
                return
            output.seek(0)
            said = output.read().decode(errors="replace")
        if log is not None and log.exists():
            said += log.read_text(errors="replace")[-2000:]
        raise ConfigError(f"the embedded database in {self._folder} failed: {' '.join(said.split())[-500:]}")

    def _wait_for_lock(self, descriptor: int, *, shared: bool = False) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not _keeper.try_lock(descriptor, shared=shared):
            if time.monotonic() > deadline:
                raise RetryableStoreError(
                    f"the embedded database in {self._folder} is being started or stopped for too long"
                )
            time.sleep(0.01)


def _ensure_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _make_folder(folder: Path) -> None:
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                parent.chmod(0o711)  # the server's user has to pass, whatever root's umask is
    folder.mkdir(mode=0o700, exist_ok=True)


def _quoted(value: str) -> str:
    # pg_ctl hands the options to a shell.
    return "'" + value.replace("'", "'\\''") + "'"


def _python() -> str:
    """A Python to run the keeper with: where this one is embedded in another program, the installation's own."""
    if Path(sys.executable or "").name.startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.prefix, "bin", "python3"))
