"""More faults for the soak (``soak.py --chaos``): disks, clocks, fail-over, pooler, locks, settings, schema, senders.

What this machine has no means for is left out, and said: a disk of its own (root), pgbouncer.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from cluster import Cluster
from collecting import Collector
from disk import Disk
from proxy import Proxy

from atlas_otel.postgres import migrate
from tests.support.pooler import PGBOUNCER, pooling

_LOCKED = ("atlas_otel.spans", "atlas_otel.sessions", "public.sessions", "public.trajectory_events")
_SETTINGS = ("client_encoding = 'LATIN1'", "datestyle = 'SQL, DMY'", "array_nulls = off", "timezone = 'Asia/Kathmandu'")


_ENVIRONMENTS = (
    {},
    {"PGCLIENTENCODING": "LATIN1"},
    {"PGDATESTYLE": "German", "PGTZ": "Asia/Kathmandu"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PGOPTIONS": "-c array_nulls=off -c default_transaction_isolation=serializable"},
)
_JUMPS_S = (-86_400, -3_600, -5, 0, 5, 3_600, 86_400)


class Chaos:
    """Faults of a cluster, of the way of the agents to it, of the spool's disk, and of a collector."""

    def __init__(
        self, cluster: Cluster, proxy: Proxy, collector: Collector, spool: Disk | None, folder: Path,
        chance: random.Random,
    ) -> None:  # fmt: skip
        """``proxy``: the agents' way. ``folder``: for the file that their clock follows."""
        self._cluster, self._proxy, self._collector, self._spool = cluster, proxy, collector, spool
        self._url, self._chance = cluster.url, chance
        self._pooled_url: str | None = None
        self._clock = folder / "clock"
        self._clock.write_text("0")
        self._schema = 9000
        self.missing: list[str] = []
        self.faults: list[Callable[[], None]] = [
            self.lock_storm, self.lock_storm, self.odd_settings, self.migrate_again, self.newer_schema,
            self.hostile_bodies, self.silent_connections, self.slow_bodies, self.kill_collector,
            self.fail_over, self.stop_server_at_once, self.jump_clocks, self.jump_clocks,
        ]  # fmt: skip

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Chaos]:
        """With the faults for which this machine has the means."""
        if self._spool is not None:
            self.faults += [self.fill_spool_disk, self.fill_server_disk] * 2
        else:
            self.missing.append("no disk of its own can be mounted")
        with contextlib.ExitStack() as stack:
            if PGBOUNCER is not None:
                self._pooled_url = stack.enter_context(pooling(self._url, "transaction"))
                self.faults += [self.change_way]
            else:
                self.missing.append("pgbouncer is not installed")
            yield self

    def environment(self) -> dict[str, str]:
        """Variables that an agent may have."""
        return {"ATLAS_TEST_CLOCK": str(self._clock), **self._chance.choice(_ENVIRONMENTS)}

    def calm(self) -> None:
        """Set the clocks right."""
        self._set_clocks(0)

    def fail_over(self) -> None:
        """The primary is killed for good, and a synchronous standby takes its place."""
        self._cluster.fail_over()

    def stop_server_at_once(self) -> None:
        """An immediate shutdown, and a start."""
        self._cluster.server.end_at_once()
        time.sleep(self._chance.uniform(0, 2))
        self._cluster.server.start()

    def change_way(self) -> None:
        """Agents come by way of the pooler from now on, or no longer."""
        assert self._pooled_url is not None
        self._proxy.aim(self._chance.choice([self._pooled_url, self._url]))
        self._proxy.cut()

    def jump_clocks(self) -> None:
        """The clocks of the agents that run are set to another time."""
        self._set_clocks(self._chance.choice(_JUMPS_S))

    def _set_clocks(self, off_s: float) -> None:
        new = self._clock.with_suffix(".new")
        new.write_text(str(off_s))
        new.replace(self._clock)

    def fill_spool_disk(self) -> None:
        """Nothing is left on the spool's disk for a while."""
        assert self._spool is not None
        self._spool.fill()
        time.sleep(self._chance.uniform(0.2, 3))
        self._spool.clear()

    def fill_server_disk(self) -> None:
        """Nothing is left on the server's disk for a while."""
        self._cluster.fill_disk(self._chance.uniform(0.2, 3))

    def newer_schema(self) -> None:
        """A migration of a version to come, beside writers of this one."""
        self._schema += 1
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self._url) as connection:
            connection.execute("SET LOCAL lock_timeout = '2s'")
            for table in ("public.sessions", "atlas_otel.spans"):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN of_tomorrow_{self._schema} TEXT")
            connection.execute(
                "INSERT INTO atlas_otel.schema_migrations (version, name, checksum, writers)"
                " VALUES (%s, 'of_tomorrow', 'c', 7)",
                [self._schema],
            )

    def slow_bodies(self) -> None:
        """Bodies that take their time."""
        self._collector.drip()

    def kill_collector(self) -> None:
        """SIGKILL, and another one on its port."""
        self._collector.kill()

    def lock_storm(self) -> None:
        """Nobody writes into, or reads, one table after the other."""
        with contextlib.suppress(psycopg.Error), psycopg.connect(self._url) as connection:
            for table in self._chance.sample(_LOCKED, 2):
                with contextlib.suppress(psycopg.Error), connection.transaction():
                    connection.execute("SET LOCAL lock_timeout = '2s'")
                    connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                    time.sleep(self._chance.uniform(0.1, 1.5))

    def odd_settings(self) -> None:
        """Whoever connects now gets settings that an administrator may have made."""
        setting = self._chance.choice(_SETTINGS)
        with contextlib.suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE soak SET {setting}")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'soak' AND pid <> pg_backend_pid()"
            )
            time.sleep(self._chance.uniform(0.5, 3))
            connection.execute("ALTER DATABASE soak RESET ALL")

    def migrate_again(self) -> None:
        """Two start ``db init`` at once."""
        threads = [threading.Thread(target=self._migrate) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    def _migrate(self) -> None:
        with contextlib.suppress(Exception):
            migrate.init(self._url)

    def hostile_bodies(self) -> None:
        """Bombs and nonsense, several at once."""
        self._collector.attack(self._chance)

    def silent_connections(self) -> None:
        """More connections than there may be, which say nothing."""
        self._collector.crowd()
