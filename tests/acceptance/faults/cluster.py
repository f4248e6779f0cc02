"""The server of a soak behind an address that stays: its standby takes over, its disk is full."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from disk import Disk
from proxy import Proxy
from psycopg.conninfo import make_conninfo
from server import Server

_SETTINGS = {
    "autovacuum": "on",  # an hour's tables want it, as everybody's do
    "checkpoint_timeout": "30s",  # a killed server has little to read again
    "max_wal_size": "256MB",
}


class Cluster:
    """A server, and later its successors, in ``folder``. ``url`` leads to the one that is the primary."""

    def __init__(self, folder: Path, disk: Disk | None) -> None:
        """``disk`` is the one under ``folder``, where that has its own."""
        self._folder, self.disk, self._made = folder, disk, 0
        self.server = self._new().make()
        self.server.query("CREATE DATABASE soak")
        self.proxy = Proxy(self.direct_url)
        self.proxy.open()
        self.url = self.proxy.url

    @property
    def direct_url(self) -> str:
        """The primary's own URL."""
        return make_conninfo(self.server.url, dbname="soak")

    def fail_over(self) -> None:
        """A synchronous standby is made, the primary is killed, and the standby is what the address leads to."""
        before, after = self.server, self._new()
        try:
            after.copy_of(before)
            before.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            before.query("SELECT pg_reload_conf()")
            deadline = time.monotonic() + 60
            while before.query("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
                assert time.monotonic() < deadline, before.log[-2000:] + after.log[-2000:]
                time.sleep(0.05)
            time.sleep(0.5)
        except BaseException:
            after.remove()
            raise
        before.kill()
        after.promote()
        self.server = after
        self.proxy.aim(self.direct_url)
        self.proxy.cut()
        before.remove()

    def fill_disk(self, seconds: float) -> None:
        """Nothing is left on the server's disk for so long. It may die of that, and is started again."""
        assert self.disk is not None
        self.disk.fill()
        time.sleep(seconds)
        self.disk.clear()
        if not self.server.alive:
            self.server.kill()
            self.server.start()

    def _new(self) -> Server:
        self._made += 1
        return Server(self._folder / f"server-{self._made}", _SETTINGS)


@contextlib.contextmanager
def clustered(folder: Path, disk: Disk | None, *, keep: bool) -> Iterator[Cluster]:
    """A cluster that is stopped at the end, or deleted."""
    cluster = None
    try:
        cluster = Cluster(folder, disk)
        yield cluster
    finally:
        if cluster is not None:
            cluster.proxy.shut()
            if keep:
                cluster.server.stop()
            else:
                cluster.server.remove()
        elif not keep:
            for server in folder.glob("server-*"):
                shutil.rmtree(server, ignore_errors=True)
