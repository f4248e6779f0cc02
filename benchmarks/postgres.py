"""A Postgres server for a case: the one from the wheel in a folder of its own, with its default settings.

Both sides of a comparison use it. ``ATLAS_OTEL_BENCH_SERVER`` names another: a URL whose role may create databases.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atlas_otel.postgres import embedded, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(slots=True)
class Server:
    """A running server. ``url`` is that of its maintenance database; ``folder`` is None for a named server."""

    url: str
    folder: Path | None = None
    made: list[str] = field(default_factory=list)

    def database(self, *, migrated: bool = True) -> str:
        """The conninfo of a fresh database, with our tables or with nothing in it."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        self.made.append(name)
        url = make_conninfo(self.url, dbname=name)
        if migrated:
            migrate.init(url)
        return url

    def drop(self, url: str) -> None:
        """Drop a database that :meth:`database` made."""
        self._drop(psycopg.conninfo.conninfo_to_dict(url)["dbname"])

    def _drop(self, name: object) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name))))
        self.made.remove(str(name))

    @property
    def version(self) -> str:
        """Such as ``18.1``."""
        with psycopg.connect(self.url) as connection:
            (version,) = connection.execute("SHOW server_version").fetchone() or ("?",)
        return str(version)


@contextlib.contextmanager
def server(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server of one's own until the end of the block, stopped and deleted then; or the named one."""
    if named := os.environ.get("ATLAS_OTEL_BENCH_SERVER"):
        there = Server(named)
        try:
            yield there
        finally:
            for name in list(there.made):
                there._drop(name)
        return
    # Not below a folder that only we may enter: as root, Postgres runs as another user.
    folder = Path(tempfile.gettempdir(), f"atlas-otel-bench-{uuid.uuid4().hex[:12]}")
    try:
        conninfo = embedded.ensure_running(folder, settings=settings, linger_s=0)
        yield Server(make_conninfo(conninfo, dbname="postgres"), folder)
    finally:
        embedded.release(folder)
        if folder.exists():
            embedded.stop(folder)
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """The server of this folder stopped by SIGSTOP, with all of its processes, until the end of the block.

    It takes connections then, as the kernel does that for it, and answers none.
    """
    postmaster = int((folder / "data" / "postmaster.pid").read_text("utf-8").split()[0])
    stopped = [postmaster]
    os.kill(postmaster, signal.SIGSTOP)  # first, so that it makes no others
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text("utf-8").rpartition(")")[2].split()[1]) == postmaster:
                stopped.append(int(status.parent.name))
    try:
        for process in stopped[1:]:
            _signal(process, signal.SIGSTOP)
        yield
    finally:
        for process in reversed(stopped):
            _signal(process, signal.SIGCONT)


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)
