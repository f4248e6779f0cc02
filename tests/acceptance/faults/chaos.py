"""More faults for the soak (``soak.py --chaos``): locks, settings, migrations, a collector under hostile senders."""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg

from atlas_otel.postgres import migrate

COLLECTOR_MIB = 900
"""What the collector may take: bodies (256 MiB), what they decode to (512), and itself."""
_LOCKED = ("atlas_otel.spans", "atlas_otel.sessions", "public.sessions", "public.trajectory_events")
_SETTINGS = ("client_encoding = 'LATIN1'", "datestyle = 'SQL, DMY'", "array_nulls = off", "timezone = 'Asia/Kathmandu'")


class Chaos:
    """Faults of a database at ``url``, and those of a collector that stores into it."""

    def __init__(self, url: str, collector: Collector, chance: random.Random) -> None:
        self._url, self._collector, self._chance = url, collector, chance
        self.faults: list[Callable[[], None]] = [
            self.lock_storm, self.lock_storm, self.odd_settings, self.migrate_again,
            self.hostile_bodies, self.silent_connections,
        ]  # fmt: skip

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


class Collector:
    """``atlas-otel collect`` over the same database, which keeps none of what it is sent."""

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir()
        self._log = folder / "collect.log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_"))}
        environment["ATLAS_OTEL_SPOOL_DIR"] = str(folder / "spool")
        arguments = ["--database-url", url, "--port", "0", "--max-decoded-mib", "512"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "atlas_otel", "collect", *arguments],
                stdout=subprocess.PIPE, stderr=log, env=environment,
            )  # fmt: skip
        assert self.process.stdout is not None
        self._url = self.process.stdout.readline().decode().split()[-1]
        self.answers: Counter[int] = Counter()

    def attack(self, chance: random.Random) -> None:
        """Send a few bodies, four at a time, that hold nothing to be kept."""
        size = 30 * 1024 * 1024
        spans = b"\x0a\x80\x80\x80\x0f\x12\xfb\xff\xff\x0e" + b"\x12\x00" * (size // 2)
        body, kind = chance.choice(
            [
                (spans, "application/x-protobuf"),
                (b'{"resourceSpans":[' + b"[]," * (size // 3) + b"[]]}", "application/json"),
                (b'{"resourceSpans":[' + b"1," * (size // 2) + b"1]}", "application/json"),
                (chance.randbytes(100_000), "application/x-protobuf"),
            ]
        )
        packed = gzip.compress(body, 1)

        def send() -> None:
            headers = {"content-type": kind, "content-encoding": "gzip"}
            with contextlib.suppress(httpx.HTTPError):
                self.answers[httpx.post(self._url, content=packed, headers=headers, timeout=30).status_code] += 1

        threads = [threading.Thread(target=send) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    def crowd(self) -> None:
        """Connect 600 times, and see that somebody else is answered."""
        address = httpx.URL(self._url)
        held = []
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    held.append(socket.create_connection((address.host, address.port), timeout=5))
            assert httpx.get(address.copy_with(path="/healthz"), timeout=10).text == "ok\n"
        finally:
            for one in held:
                one.close()

    def most_mib(self) -> int:
        """The most memory that it took."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def stop(self) -> dict[str, object]:
        """End it; what it took and answered."""
        assert self.process.poll() is None, self._log.read_text()
        most = self.most_mib()
        assert most < COLLECTOR_MIB, most
        self.process.terminate()
        self.process.wait(60)
        return {"collector_mib": most, "answers": dict(self.answers)}


@contextlib.contextmanager
def collecting(url: str, folder: Path) -> Iterator[Collector]:
    """A collector, which does not outlive the block."""
    collector = Collector(url, folder)
    try:
        yield collector
    finally:
        collector.process.kill()
        collector.process.wait()
        assert collector.process.stdout is not None
        collector.process.stdout.close()
