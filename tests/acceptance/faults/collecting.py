"""A collector for the chaos run, and who sends to it: honest, slow and hostile ones."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg

from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.store import PostgresStore

COLLECTOR_MIB = 900
"""What the collector may take: bodies (256 MiB), what they decode to (512), and itself."""

_KINDS = ("invoke_agent", "execute_tool")


class Collector:
    """``atlas-otel collect`` over the database at ``url``."""

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir()
        self._database, self._log, self._spool = url, folder / "collect.log", folder / "spool"
        self._port = "0"
        self._sending = threading.Event()
        self._sender = threading.Thread(target=self._send_for_ever)
        self.answers: Counter[int] = Counter()
        self.acknowledged: list[str] = []
        """Ids of the spans that it said it had taken."""
        self._most_mib = 0
        self.start()
        self._sender.start()

    def start(self) -> None:
        """Start it, on the port that it had."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_"))}
        environment["ATLAS_OTEL_SPOOL_DIR"] = str(self._spool)
        arguments = ["--database-url", self._database, "--port", self._port, "--max-decoded-mib", "512"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "atlas_otel", "collect", *arguments],
                stdout=subprocess.PIPE, stderr=log, env=environment,
            )  # fmt: skip
        assert self.process.stdout is not None
        self._url = self.process.stdout.readline().decode().split()[-1]
        self._port = str(httpx.URL(self._url).port)

    def kill(self) -> None:
        """SIGKILL; another one takes its port."""
        self._most_mib = max(self._most_mib, self._took_mib())
        self.close()
        self.start()

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def end(self) -> None:
        """Kill it, and end the sender."""
        self._sending.set()
        self.close()
        self._sender.join()

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

    def drip(self) -> None:
        """Twenty bodies whose bytes come one by one, and of which half never end."""
        address = httpx.URL(self._url)
        head = b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n"
        held = [socket.create_connection((address.host, address.port), timeout=5) for _ in range(20)]
        for number, byte in enumerate(b'{"resourceSpans": []}'):
            for one in held[: None if number < 10 else 10]:
                with contextlib.suppress(OSError):
                    one.sendall(head + bytes([byte]) if number == 0 else bytes([byte]))
            time.sleep(0.1)
        for one in held:
            one.close()

    def stop(self) -> dict[str, object]:
        """End it; what it took and answered. All that it acknowledged is in the database, once."""
        self._sending.set()
        self._sender.join()
        assert self.process.poll() is None, self._log.read_text()
        most = max(self._most_mib, self._took_mib())
        assert most < COLLECTOR_MIB, most
        self.process.terminate()
        self.process.wait(60)
        return {"collector_mib": most, "answers": dict(self.answers), "acknowledged": len(self.acknowledged)}

    def check(self) -> None:
        """Look up each span that was acknowledged."""
        with PostgresStore(self._database) as store:
            result = replay(store, describe(self._database), self._spool)
        assert (result.poisoned, result.damaged) == (0, 0), result
        assert all(not target.owners for target in status(self._spool)), status(self._spool)
        with psycopg.connect(self._database) as connection:
            found = connection.execute(
                "SELECT span_id, count(*) FROM atlas_otel.spans WHERE scope LIKE '%%honest sender%%' GROUP BY span_id"
            ).fetchall()
        assert {times for _, times in found} <= {1}
        missing = set(self.acknowledged) - {key for key, _ in found}
        assert missing == set(), f"{len(missing)} of {len(self.acknowledged)} acknowledged spans are missing"
        assert self.acknowledged, "nothing was acknowledged in the whole run"

    def _send_for_ever(self) -> None:
        """Send a trace of three spans after the other, again until it is taken."""
        number = 0
        while not self._sending.is_set():
            trace, ids = secrets.token_hex(16), [secrets.token_hex(8) for _ in range(3)]
            body = json.dumps(_trace(trace, ids, f"sent {number}"), ensure_ascii=False).encode()
            number += 1
            while not self._sending.is_set():
                try:
                    answer = httpx.post(
                        self._url, content=body, headers={"content-type": "application/json"}, timeout=10
                    )
                except httpx.HTTPError:
                    time.sleep(0.2)
                    continue
                if answer.status_code == httpx.codes.OK:
                    assert not answer.json().get("partialSuccess"), answer.text
                    self.acknowledged += ids
                    break
                self.answers[answer.status_code] += 1
                time.sleep(0.2)
            time.sleep(0.1)

    def _took_mib(self) -> int:
        taken = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(taken.partition("VmHWM:")[2].split()[0]) // 1024


def _trace(trace: str, ids: list[str], name: str) -> object:
    now = time.time_ns()
    spans = [
        {
            "traceId": trace, "spanId": one, "name": f"{name} é漢", "kind": 1,
            "startTimeUnixNano": str(now + n), "endTimeUnixNano": str(now + 1_000_000 - n),
            **({"parentSpanId": ids[0]} if n else {}),
            "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": _KINDS[n > 0]}}],
        }
        for n, one in enumerate(ids)
    ]  # fmt: skip
    scope = {"scope": {"name": "honest sender"}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope]}]}


@contextlib.contextmanager
def collecting(url: str, folder: Path) -> Iterator[Collector]:
    """A collector, which does not outlive the block."""
    collector = Collector(url, folder)
    try:
        yield collector
    finally:
        collector.end()
