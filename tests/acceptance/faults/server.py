"""A Postgres server of a test's own, from the wheel: stopped, killed, frozen, copied to a standby, promoted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from atlas_otel.postgres import _wheel, migrate

_SETTINGS = {
    "fsync": "off",  # what has to survive is the server's death, not the machine's
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
    "autovacuum": "off",
    "wal_level": "replica",
    "max_connections": "40",
}


class Server:
    """A server in ``folder``; ``start`` makes it first."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._settings = {**_SETTINGS, **settings}
        self._user = _wheel.server_user(None)
        self.give(folder)
        copies = folder.parent / "binaries"
        self._binaries = _wheel.binaries(None, self._user, copies)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    def give(self, folder: Path) -> None:
        """Make a folder its user's alone."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self._user.other:
            os.chown(folder, self._user.uid, self._user.gid)

    @property
    def url(self) -> str:
        """The conninfo of its database."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def make(self, *options: str) -> Server:
        """Make its data (``options`` of initdb), start it, and bring the schema up to date."""
        data = ("-D", str(self.data), "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
        self._run("initdb", *data, *options)
        self.start()
        migrate.init(self.url)
        return self

    def copy_of(self, primary: Server) -> Server:
        """Make it a standby of ``primary``, and start it."""
        base = ("-D", str(self.data), "-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        self._run("pg_basebackup", *base, "-R", "-X", "stream", "-c", "fast", "-N")
        conf = self.data / "postgresql.auto.conf"
        conf.write_text(
            conf.read_text().replace("primary_conninfo = '", "primary_conninfo = 'application_name=standby ")
        )
        self.start()
        return self

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = {**self._settings, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        stated = " ".join(f"-c {key}='{value}'" for key, value in options.items())
        # What a killed server left: its pid may be a zombie's that nobody reaps here, which Postgres takes for alive.
        for left in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)
        self._run(
            "pg_ctl", "start", "-w", "-t", "60", "-D", str(self.data), "-l", str(self.folder / "log"), "-o", stated
        )

    def stop(self) -> None:
        """A fast shutdown."""
        self._run("pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", str(self.data))

    def end_at_once(self) -> None:
        """An immediate shutdown: it reads its log again at the next start."""
        self._run("pg_ctl", "stop", "-w", "-t", "60", "-m", "immediate", "-D", str(self.data))

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "promote", "-w", "-t", "60", "-D", str(self.data))

    def kill(self) -> None:
        """SIGKILL, to the server and all its processes."""
        pids = list(self._pids())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while (
            any(Path(f"/proc/{pid}/cmdline").exists() and _alive(pid) for pid in pids) and time.monotonic() < deadline
        ):
            time.sleep(0.01)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP to all its processes, and SIGCONT at the end."""
        pids = list(self._pids())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @property
    def log(self) -> str:
        """What it said since it was told to forget."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def forget_log(self) -> None:
        """Begin its log anew."""
        os.truncate(self.folder / "log", 0)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Rows of a statement."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def alive(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.Error:
            return False
        return True

    def _pids(self) -> Iterator[int]:
        """The server's process, and those that it started."""
        try:
            first = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        except (OSError, ValueError):
            return
        yield first
        yield from map(int, children)

    def _run(self, program: str, *arguments: str) -> None:
        other = self._user.other
        with (self.folder / "said").open("wb") as said:
            done = subprocess.run(
                [str(self._binaries / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False, cwd="/", umask=0o077,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                user=self._user.uid if other else None,
                group=self._user.gid if other else None,
                extra_groups=[] if other else None,
            )  # fmt: skip
        if done.returncode:
            log = self.folder / "log"
            told = (self.folder / "said").read_text() + (log.read_text()[-2000:] if log.exists() else "")
            raise AssertionError(f"{program} failed: {told}")

    def remove(self) -> None:
        """Kill it and delete its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
