"""How the cost of a session grows: with its own length, with what else is in the database.

A session comes in flushes of 512 records, as a drain brings them, and is projected after each: spans that run are
recorded when they start, and again when they end. What a span costs is the time of all writes and projections, by the
number of spans. Three shapes: steps of 100 spans, all spans in one step, no step at all.

Whole sessions are stored and projected some at a time, into a database that holds more and more of them.
"""

from __future__ import annotations

import statistics
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, get_args

import psycopg

from atlas_otel.postgres.store import PostgresStore
from benchmarks.cases import _copying
from benchmarks.cases._runs import Shape, long_session, whole_session
from benchmarks.finding import Finding, Growth, Ratio
from benchmarks.measuring import percentile
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlas_otel.span_record import Record
    from benchmarks.options import Options

_FLUSH = 512
_SHORT = 100
_SPANS_A_WHOLE_SESSION = 31
_MICROSECONDS = 1e6
_FULL_SPANS = 1_000_000
_LIMIT_S = 100.0
"""How long the database is filled for; what it holds then is the last point."""
_SHAPES: tuple[Shape, ...] = get_args(Shape)


def measure(options: Options) -> Iterable[Finding | Growth]:
    """A long session beside short ones for each shape, and two plots."""
    with server() as postgres:
        yield from _by_length(postgres.database(), options)
        yield _by_sessions(postgres.database(), options)


def _by_length(url: str, options: Options) -> Iterator[Finding | Growth]:
    lengths = options.pick((_SHORT, 1_000, 10_000, 100_000), (_SHORT, 1_000, 10_000))
    series: dict[str, list[tuple[float, float]]] = {}
    with PostgresStore(url) as store, psycopg.connect(url, autocommit=True) as database:
        for shape in _SHAPES:
            short: list[float] = []
            points = []
            for length in lengths:
                # Short ones between the flushes of the long one: the machine's speed changes in the meantime.
                cost, beside = _spread(store, database, length, shape)
                points.append((float(length), cost * _MICROSECONDS))
                short += beside
                _copying.wipe(database)
            series[shape] = points
            ratios = sorted(cost / one for one in beside)
            yield Finding(
                f"a session of {length:,} spans in flushes, {shape}: a span stored and projected",
                f"a span of a session of {_SHORT}",
                1.5,
                Ratio(statistics.median(ratios), percentile(ratios, 0.1), percentile(ratios, 0.9), len(ratios)),
                checked=f"{length:,} spans stored, {2 * length:,} events in the trajectory, in order",
            )
    yield Growth(
        "A session that is recorded in flushes, by its length",
        "spans in the session",
        "µs a span, stored and projected",
        series,
        f"Flushes of {_FLUSH} records, each projected at once.",
    )


def _spread(store: PostgresStore, database: psycopg.Connection, length: int, shape: Shape) -> tuple[float, list[float]]:
    """Seconds a span of a session of this length, and of short ones that came at 15 moments meanwhile."""
    records = long_session(length, shape)
    flushes = max(1, length // _FLUSH)
    pause = max(1, flushes // 15)
    taken, beside = 0.0, []
    number = 0
    while flush := list(islice(records, _FLUSH)):
        taken += _seconds(store, flush)
        if number % pause == 0:
            some = list(long_session(_SHORT, shape, number + 1))
            beside.append(_seconds(store, some) / _SHORT)
        number += 1
    _check(database, length, len(beside))
    return taken / length, beside


def _seconds(store: PostgresStore, records: list[Record]) -> float:
    """What it takes to store and project these."""
    start = perf_counter()
    store.write(records)
    while store.project():
        pass
    return perf_counter() - start


def _check(database: psycopg.Connection, length: int, short: int) -> None:
    spans = length + short * _SHORT
    found = database.execute(
        "SELECT (SELECT count(*) FROM atlas_otel.spans), (SELECT count(*) FROM trajectory_events), "
        "(SELECT count(*) FROM sessions WHERE status = 'succeeded'), (SELECT count(*) FROM ("
        "SELECT created_at < lag(created_at) OVER (PARTITION BY session_id ORDER BY id) AS back FROM trajectory_events"
        ") AS events WHERE back)"
    ).fetchone()
    if found != (spans, 2 * spans, short + 1, 0):
        raise AssertionError(f"{found}, not {(spans, 2 * spans, short + 1, 0)}")


def _by_sessions(url: str, options: Options) -> Growth:
    some = options.pick(200, 50)
    limit_s, most = options.pick((_LIMIT_S, _FULL_SPANS), (10.0, 20_000))
    points: list[tuple[float, float]] = []
    stored = 0
    start = perf_counter()
    with PostgresStore(url) as store:
        while stored * _SPANS_A_WHOLE_SESSION < most and perf_counter() - start < limit_s:
            records = [record for n in range(stored, stored + some) for record in whole_session(n, "grown")]
            seconds = _seconds(store, records)
            stored += some
            points.append((float(stored * _SPANS_A_WHOLE_SESSION), seconds / some * 1e3))
    with psycopg.connect(url) as database:
        counts = _copying.counts(database)
    if (counts["public.sessions"], counts[_copying.SPANS]) != (stored, stored * _SPANS_A_WHOLE_SESSION):
        raise AssertionError(f"{counts}, not {stored} sessions")
    return Growth(
        "Whole sessions into a database that grows",
        "spans in the database",
        "ms a session of 31 spans, stored and projected",
        {"a session": _medians(points)},
        f"{stored:,} sessions, {counts[_copying.SPANS]:,} spans, all counted; the table had never been analysed.",
    )


def _medians(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most twelve points, each the median of those around it."""
    size = max(1, len(points) // 12)
    groups = [points[at : at + size] for at in range(0, len(points), size)]
    return [(group[-1][0], statistics.median(y for _, y in group)) for group in groups]
