"""The measurements: each with real parts, and each counts what came out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from atlas_otel_exporters import export_jsonl
from benchmarks.machine import machine
from benchmarks.postgres import Server, server
from benchmarks.scaling import parts, traffic
from benchmarks.scaling.figures import Measured

if TYPE_CHECKING:
    from benchmarks.scaling.traffic import Traffic

_NOBODY: Final = "127.0.0.1:9"
_TOPIC: Final = "atlas-spans"
SIZES_OF_TABLES: Final = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE n.nspname = 'atlas_otel'), 0)::bigint,
       coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE n.nspname = 'public'), 0)::bigint
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('atlas_otel', 'public')
"""


class _Way(NamedTuple):
    """One run of the whole way: processor time and bytes a span."""

    collector_us: float
    jaeger_us: float
    collect_us: float
    postgres_us: float
    record_bytes: float
    contract_bytes: float
    line_bytes: float
    line_gzip_bytes: float
    badger_bytes: float


def measure(sessions: int, rounds: int) -> Measured:
    """All of it. Raises RuntimeError where the stack cannot be built here."""
    load = os.getloadavg()[0]
    binaries = _binaries()
    made = traffic.make(sessions)
    with server() as postgres:
        way = _whole_way(made, binaries, postgres)
        gateway_us, kafka_us, worker_us = _scaled_out(made, binaries["collector"], postgres)
        rates: dict[int, list[float]] = {1: [], 2: []}
        for number in range(rounds):
            for workers in (1, 2) if number % 2 else (2, 1):
                rates[workers].append(_ingest(made, postgres, workers))
    taking_rate, queue_bytes = _queue(made, binaries["collector"])
    return Measured(
        day=datetime.now(timezone.utc).date().isoformat(),
        machine=machine(),
        load=(round(load, 1), round(os.getloadavg()[0], 1)),
        sessions=sessions,
        spans_a_session=traffic.SPANS,
        wire_bytes=round(made.wire_bytes),
        gzip_bytes=round(made.gzip_bytes),
        **{name: round(value, 1) for name, value in way._asdict().items()},
        gateway_us=round(gateway_us, 1),
        kafka_us=round(kafka_us, 1),
        worker_us=round(worker_us, 1),
        taking_rate=round(taking_rate),
        one_rate=round(median(rates[1])),
        two_rate=round(median(rates[2])),
        queue_bytes=round(queue_bytes),
        spool_bytes=round(_spool(made)),
    )


def _binaries() -> dict[str, str]:
    build = [sys.executable, str(parts.ROOT / "scripts" / "build_stack.py")]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _stored(url: str, made: Traffic, *, computed: bool) -> bool:
    """Whether all spans are there; and, where asked, all sessions computed from all of them."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT count(*) FROM atlas_otel.spans").fetchone() != (made.spans,):
            return False
        waiting = "SELECT count(*) FROM atlas_otel.sessions WHERE revision > projected_revision"
        done = "SELECT count(*) FROM sessions WHERE status = 'succeeded'"
        return not computed or (
            connection.execute(waiting).fetchone() == (0,) and connection.execute(done).fetchone() == (made.sessions,)
        )


def _whole_way(made: Traffic, binaries: dict[str, str], postgres: Server) -> _Way:
    """Sender → Collector → Jaeger, and → collect → Postgres → sessions computed."""
    url = postgres.database()
    with psycopg.connect(url) as connection:
        empty = connection.execute(SIZES_OF_TABLES).fetchone()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        jaeger_stack = stack.enter_context(ExitStack())
        jaeger = jaeger_stack.enter_context(parts.jaeger(binaries["jaeger"], folder))
        collect = stack.enter_context(parts.collect(url, folder))
        to = {"ATLAS_JAEGER_ENDPOINT": jaeger.url, "ATLAS_COLLECT_ENDPOINT": collect.url}
        collector = stack.enter_context(parts.collector(binaries["collector"], folder, **to))
        running = (collector, jaeger, collect)
        before = [*(part.cpu_s() for part in running), parts.postgres_cpu_s(postgres)]
        traffic.send(made.requests, [collector.url], senders=2)
        parts.until(lambda: _stored(url, made, computed=True), "every session is computed")
        parts.until(lambda: not parts.queued(collector), "the Collector's queues are empty")
        after = [*(part.cpu_s() for part in running), parts.postgres_cpu_s(postgres)]
        used = [1e6 * (late - early) / made.spans for early, late in zip(before, after, strict=True)]
        jaeger_stack.close()
        badger = parts.disk_bytes(folder / "badger") / made.spans
        lines = [_exported(url, folder / f"lines.{suffix}", made) for suffix in ("jsonl", "jsonl.gz")]
    with psycopg.connect(url) as connection:
        full = connection.execute(SIZES_OF_TABLES).fetchone()
    assert empty is not None
    assert full is not None
    record, contract = ((late - early) / made.spans for early, late in zip(empty, full, strict=True))
    postgres.drop(url)
    return _Way(used[0], used[1], used[2], used[3], record, contract, lines[0], lines[1], badger)


def _scaled_out(made: Traffic, binary: str, postgres: Server) -> tuple[float, float, float]:
    """Sender → gateway → Kafka → worker → collect → Postgres: processor time a span of the three that are new here."""
    url = postgres.database()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        cert, key = parts.certificate(folder)
        kafka = stack.enter_context(parts.kafka(folder, _TOPIC))
        there = {"ATLAS_KAFKA": kafka.url, "ATLAS_TOPIC": _TOPIC}
        collect = stack.enter_context(parts.collect(url, folder))
        tls = {"ATLAS_CERT_FILE": str(cert), "ATLAS_KEY_FILE": str(key)}
        run = partial(parts.collector, binary, folder)
        worker = stack.enter_context(run("scale-out/worker.yaml", ATLAS_COLLECT_URL=collect.url, **there))
        gateway = stack.enter_context(run("scale-out/gateway.yaml", **there, **tls))
        running = (gateway, kafka, worker)
        warm = made.first_half()  # Java compiles what it runs as it goes
        traffic.send_grpc(warm.requests, gateway.url, cert.read_bytes())
        parts.until(lambda: _stored(url, warm, computed=False), "every span of the first half is stored")
        before = [part.cpu_s() for part in running]
        traffic.send_grpc(made.requests[len(warm.requests) :], gateway.url, cert.read_bytes())
        parts.until(lambda: _stored(url, made, computed=False), "every span is stored")
        after = [part.cpu_s() for part in running]
    postgres.drop(url)
    spans = made.spans - warm.spans
    gateway_us, kafka_us, worker_us = (1e6 * (b - a) / spans for a, b in zip(before, after, strict=True))
    return gateway_us, kafka_us, worker_us


def _exported(url: str, path: Path, made: Traffic) -> float:
    """The size of an export of everything, by its spans."""
    done = export_jsonl(path, database_url=url, review_statuses=None)
    if done.sessions != made.sessions:
        raise RuntimeError(f"{done.sessions} of {made.sessions} sessions were exported")
    return path.stat().st_size / made.spans


def _ingest(made: Traffic, postgres: Server, workers: int) -> float:
    """Spans a second through so many collectors into one database, until all are committed."""
    url = postgres.database()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        there = [stack.enter_context(parts.collect(url, folder / str(number))) for number in range(workers)]
        began = time.perf_counter()
        traffic.send(made.requests, [part.url for part in there], senders=4)
        parts.until(lambda: _stored(url, made, computed=False), "every span is stored")
        took = time.perf_counter() - began
        parts.until(lambda: _stored(url, made, computed=True), "every session is computed")
    postgres.drop(url)
    return made.spans / took


def _queue(made: Traffic, binary: str) -> tuple[float, float]:
    """Spans a second into the Collector's two queues, and the bytes of a span that waits in one of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        to = {"ATLAS_JAEGER_ENDPOINT": _NOBODY, "ATLAS_COLLECT_ENDPOINT": f"http://{_NOBODY}"}
        with parts.collector(binary, folder, **to) as collector:
            began = time.perf_counter()
            traffic.send(made.requests, [collector.url], senders=2)
            rate = made.spans / (time.perf_counter() - began)
            parts.until(
                lambda: parts.queued(collector) >= 2 * made.wire_bytes * made.spans * 0.9, "all is in the queues"
            )
            return rate, parts.disk_bytes(folder / "queue") / made.spans / 2


def _spool(made: Traffic) -> float:
    """The bytes of a span that waits for Postgres in collect's spool."""
    away = "postgresql://nobody@127.0.0.1:9/none?connect_timeout=2"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with parts.collect(away, folder) as collect:
            traffic.send(made.requests, [collect.url], senders=2)
            return parts.disk_bytes(folder / "spool") / made.spans
