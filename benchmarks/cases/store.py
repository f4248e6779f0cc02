"""Spans into Postgres: our store, which joins them in idempotently, beside psql's `\\copy` of the same rows.

Both write 2 KB spans into the table `atlas_otel.spans` with its indexes and its compression, on one server with its
default settings, emptied before each turn. psql reads them from a file of the binary format and sends one COPY; the
store takes records in batches, makes rows of them, and marks their sessions and traces in the same transactions.
`spool`: the records come as bytes, as they stand in a segment file, and are checked and decoded on the clock.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from atlas_otel.delivery.spool_segment import checksum_of
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import SpanRecord, decode_record, encode_record
from benchmarks.cases import _copying
from benchmarks.cases._runs import Run
from benchmarks.finding import Finding
from benchmarks.measuring import alternate, rate_ratio
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.options import Options

_PER_SESSION = 50


def measure(options: Options) -> Iterable[Finding]:
    """Two ratios for each size of batch."""
    spans = _spans(options.pick(10_000, 2_000))
    spooled = [(checksum_of(data), data) for data in map(encode_record, spans)]
    with server() as postgres, tempfile.TemporaryDirectory() as folder:
        url, other = postgres.database(), postgres.database()
        copies = _copying.Copies(Path(folder), (_copying.SPANS,))
        with (
            psycopg.connect(url, autocommit=True) as ours,
            psycopg.connect(other, autocommit=True) as beside,
            PostgresStore(url) as store,
        ):
            store.write(spans)
            copies.dump(url)
            for size in (512, 2048):
                turns = _Turns(ours, beside, len(spans))
                sides = {
                    "memory": partial(_write, store, spans, size),
                    "spool": partial(_replay, store, spooled, size),
                    "copy": partial(copies.load, other),
                }
                taken = alternate(sides, options.rounds, between=turns.next)
                turns.next()
                checked = f"{len(spans):,} spans counted in the table after each of {turns.done} turns"
                weight = sum(len(data) for _, data in spooled) / len(spooled)
                for durability, goal in (("memory", 0.7), ("spool", 0.5)):
                    yield Finding(
                        f"spans of {weight / 1000:.1f} KB into Postgres, `{durability}`, {size} a batch",
                        "`psql \\copy` of the same rows (its speed is 1)",
                        goal,
                        rate_ratio(taken[durability], taken["copy"]),
                        better="higher",
                        checked=checked,
                    )


class _Turns:
    """Between two turns: what was written is counted, and the tables emptied."""

    def __init__(self, ours: psycopg.Connection, beside: psycopg.Connection, spans: int) -> None:
        self._connections = (ours, beside)
        self._spans = spans
        self.done = -1  # what is there before the first turn is no turn's

    def next(self) -> None:
        found = [_copying.counts(one, (_copying.SPANS,))[_copying.SPANS] for one in self._connections]
        if self.done >= 0 and sorted(found) != [0, self._spans]:
            raise AssertionError(f"{found} spans, not {self._spans}")
        self.done += 1
        for connection in self._connections:
            _copying.wipe(connection)


def _spans(count: int) -> list[SpanRecord]:
    spans: list[SpanRecord] = []
    for number in range(count // _PER_SESSION):
        run = Run(number, "store")
        root = run.session()
        spans += [run.tool(root) for _ in range(_PER_SESSION - 1)]
        spans.append(run.end(root))
    return spans


def _write(store: PostgresStore, spans: list[SpanRecord], size: int) -> None:
    for start in range(0, len(spans), size):
        store.write(spans[start : start + size])


def _replay(store: PostgresStore, spooled: list[tuple[int, bytes]], size: int) -> None:
    for start in range(0, len(spooled), size):
        some = spooled[start : start + size]
        store.write([decode_record(data) for checksum, data in some if checksum_of(data) == checksum])
