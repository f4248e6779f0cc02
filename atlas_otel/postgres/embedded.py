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

import errno
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atlas_otel.errors import ConfigError, RetryableStoreError
from atlas_otel.postgres import _keeper, _wheel
from atlas_otel.postgres._cluster import SUPERUSER, Cluster
from atlas_otel.process import fork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATABASE: Final = "atlas"
"""The database that is made in a new server."""
_PATIENCE_S: Final = 60.0
_ANSWER_S: Final = 10
_LINGER_S: Final = 5.0
_ROOT_FOLDER: Final = "/var/lib/atlas-otel"
_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}

_held: dict[Path, int] = {}  # folder → descriptor of its `users` lock, kept until this process ends
_held_lock = fork.lock()
"""A child of a fork holds the servers too, through the descriptors it inherited."""


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def default_folder() -> Path:
    """Where ``embedded`` keeps its data: this user's data folder, or, as root, ``/var/lib/atlas-otel/postgres``.

    Root's home is closed to the server's user, so root's data stands outside it.
    """
    if _is_root():
        return Path(_ROOT_FOLDER, "postgres")
    return platformdirs.user_data_path("atlas-otel", appauthor=False) / "postgres"


def ensure_running(
    folder: str | Path | None = None, *, settings: Mapping[str, str] | None = None, linger_s: float = _LINGER_S
) -> str:
    """Start the server of ``folder`` unless it runs, and hold it until this process ends. Returns a conninfo.

    ``settings`` (``postgresql.conf``) and ``linger_s`` (seconds from the last user's end to the server's) count only
    for the process that starts the server. Raises ConfigError where it cannot run here.
    """
    path = (Path(folder).expanduser() if folder else default_folder()).resolve()
    with _held_lock, _explaining(path):
        return _Server(path, {**_SETTINGS, **(settings or {})}, linger_s).ensure_running()


def check(folder: str | Path | None = None) -> None:
    """Whether the server could run in ``folder``, as far as it shows before anything is made or started.

    Raises ConfigError: the wheel is missing, or the folder is another's, holds something else or cannot be entered.
    """
    path = (Path(folder).expanduser() if folder else default_folder()).resolve()
    _wheel.package_folder()
    with _explaining(path):
        there = next(one for one in (path, *path.parents) if one.exists())
        if not there.is_dir():
            raise ConfigError(f"the embedded database cannot run in {path}: {there} is a file")
        if there == path:
            _check_holds_database(path)
        if _is_root():
            user = _wheel.known_server_user(path.stat().st_uid if there == path else None)
            way = there.parent if there == path else there  # the folder itself is handed over to the server's user
            if not _wheel.may_pass(way, user):
                raise _no_way(path, user.name if user else "atlas-otel")
        elif not os.access(there, os.W_OK | os.X_OK) or (there == path and path.stat().st_uid != os.geteuid()):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise ConfigError(f"the embedded database's folder {path} is closed to this user: {error.strerror}") from None
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
        self._cluster = Cluster(folder)
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
                if (conninfo := self._reached()) is None:
                    raise RetryableStoreError(f"the embedded database exited while starting; see {self._cluster.log}")
            self._ensure_keeper()
            return conninfo
        finally:
            os.close(gate)

    def _prepare_folder(self) -> _wheel.ServerUser:
        _wheel.package_folder()  # says so now if the wheel is missing
        folder = self._folder
        if not folder.exists():
            _make_folder(folder)
        else:
            _check_holds_database(folder)
        owner = folder.stat().st_uid
        user = _wheel.server_user(owner or None)
        if user.other and owner == 0:
            os.chown(folder, user.uid, user.gid)
        folder.chmod(0o700)
        if user.other and not self._cluster.check_way(user):
            raise _no_way(folder, user.name)
        return user

    def _hold(self) -> None:
        if self._folder not in _held:
            users = _keeper.open_lock(self._folder / "users")
            self._wait_for_lock(users, shared=True)  # the keeper tries it for a moment at a time
            _held[self._folder] = users

    def _start(self, user: _wheel.ServerUser) -> None:
        cluster = self._cluster
        if _keeper.postmaster_of(cluster.data) is not None:
            socket = cluster.socket()
            if socket is not None and socket.path.exists():
                raise RetryableStoreError(f"the embedded database in {self._folder} is running but does not answer")
            _keeper.stop(cluster.data)  # its socket is gone (somebody cleaned /tmp): nobody can reach it any more
        binaries = _wheel.binaries(cluster.major, user, copies=Path(_ROOT_FOLDER))
        if cluster.major is None:
            cluster.initialise(binaries, user)
        cluster.start(binaries, user, self._settings)

    def _reached(self) -> str | None:
        """The conninfo where the server answers; None where no server listens."""
        deadline = time.monotonic() + _PATIENCE_S
        while (socket := self._cluster.socket()) is not None:
            conninfo = make_conninfo(host=str(socket.folder), port=socket.port, user=SUPERUSER, dbname=DATABASE)
            try:
                with psycopg.connect(
                    conninfo, dbname="postgres", connect_timeout=_ANSWER_S, autocommit=True
                ) as connection:
                    _ensure_database(connection)
                return conninfo
            except psycopg.errors.ConnectionTimeout:
                raise RetryableStoreError(f"the embedded database in {self._folder} does not answer") from None
            except psycopg.OperationalError as error:
                # libpq tells no SQLSTATE here; this server speaks English (lc_messages), so its words will do.
                words = str(error)
                if "FATAL" not in words:
                    return None  # nobody listens
                if "the database system is" not in words:
                    return conninfo  # it is there, and full perhaps: what it says is for who connects
                if time.monotonic() > deadline:
                    raise RetryableStoreError(f"the embedded database in {self._folder} did not become ready") from None
                time.sleep(0.02)  # it starts, recovers or stops right now
        return None

    def _ensure_keeper(self) -> None:
        keeper = _keeper.open_lock(self._folder / "keeper")
        vacant = _keeper.try_lock(keeper)
        os.close(keeper)
        if vacant:
            # It detaches at once, so that it is no child of this process, and outlives it.
            subprocess.run(
                [_python(), "-I", "-S", _keeper.__file__, str(self._folder), str(self._linger_s)],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
            )

    def _wait_for_lock(self, descriptor: int, *, shared: bool = False) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not _keeper.try_lock(descriptor, shared=shared):
            if time.monotonic() > deadline:
                raise RetryableStoreError(f"another process is starting or stopping the database in {self._folder}")
            time.sleep(0.01)


def _ensure_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _check_holds_database(folder: Path) -> None:
    if not (folder / "data").exists() and not (folder / "gate").exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty and holds no embedded database: name another folder")


def _no_way(folder: Path, user: str) -> ConfigError:
    return ConfigError(
        f"as root the embedded database runs as the user {user}, who may not pass through the folders "
        f"above {folder}: name a folder outside of root's home, such as {_ROOT_FOLDER}/postgres"
    )


def _make_folder(folder: Path) -> None:
    for parent in reversed(folder.parents):
        if not parent.exists():
            parent.mkdir(exist_ok=True)
            if _is_root():
                parent.chmod(0o711)  # the server's user has to pass, whatever root's umask is
    folder.mkdir(mode=0o700, exist_ok=True)


def _python() -> str:
    """A Python to run the keeper with: where this one is embedded in another program, the installation's own."""
    if Path(sys.executable or "").name.startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.prefix, "bin", "python3"))
