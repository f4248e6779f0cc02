"""How the cost of a session grows: with its own length, with what else is in the database.

A session comes in flushes of 512 records, as a drain brings them, and is projected after each: spans that run are
recorded when they start, and again when they end. Then its line is made, as an export does it. What a span costs is
the time of all writes, of all projections and of the export, by the number of spans. Three shapes: steps of 100 spans,
all spans in one step, no step at all.

Whole sessions are stored and projected some at a time, into a database that holds more and more of them, up to a
million spans, and in turns into one that holds hardly any. What is there before is written by the server itself, as
copies of the first sessions under keys and ids of their own, which takes a quarter of the time.
"""

from __future__ import annotations

import statistics
from contextlib import closing
from itertools import count, islice
from time import perf_counter
from typing import TYPE_CHECKING, get_args

import psycopg

from atlas_otel.postgres.store import PostgresStore
from atlas_otel_exporters.encode import encode_session
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.verify import verify_database
from benchmarks.cases import _copying
from benchmarks.cases._filling import Filling
from benchmarks.cases._runs import Shape, long_session, whole_session
from benchmarks.finding import Finding, Growth, Ratio
from benchmarks.measuring import alternate, percentile, ratio
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlas_otel.records.record import Record
    from atlas_otel_exporters.read import SessionReader
    from benchmarks.options import Options

_FLUSH = 512
_SHORT = 100
_ROWS_A_WHOLE_SESSION = {
    **dict.fromkeys(("atlas_otel.traces", "public.sessions", "atlas_otel.sessions", "public.plans"), 1),
    **{_copying.SPANS: 31, "atlas_otel.span_events": 9, "public.trajectory_events": 80, "atlas_otel.trajectory": 80},
    **{"public.step_results": 3, "public.step_attempts": 3, "public.guidance_notes": 1},
}
_MICROSECONDS = 1e6
_LIMIT_S = 400.0
"""How long the database is filled for; what it holds then is the last point."""
_ORIGINALS = 100
_AT_ONCE = 50
_SHAPES: tuple[Shape, ...] = get_args(Shape)


def measure(options: Options) -> Iterable[Finding | Growth]:
    """A long session beside short ones for each shape, and two plots."""
    with server() as postgres:
        yield from _by_length(postgres.database(), options)
        yield from _by_sessions(postgres.database(), postgres.database(), options)


def _by_length(url: str, options: Options) -> Iterator[Finding | Growth]:
    lengths = options.pick((_SHORT, 1_000, 10_000, 100_000), (_SHORT, 1_000, 10_000))
    series: dict[str, list[tuple[float, float]]] = {}
    with PostgresStore(url) as store, psycopg.connect(url, autocommit=True) as database:
        _seconds(store, list(long_session(_SHORT, _SHAPES[0])))  # connects, and loads what projects
        _copying.wipe(database)
        for shape in _SHAPES:
            short: list[float] = []
            points = []
            for length in lengths:
                # Short ones between the flushes of the long one: the machine's speed changes in the meantime.
                cost, beside = _spread(url, store, database, length, shape)
                points.append((float(length), cost * _MICROSECONDS))
                short += beside
                _copying.wipe(database)
            series[shape] = points
            ratios = sorted(cost / one for one in beside)
            yield Finding(
                f"a session of {length:,} spans in flushes, {shape}: a span stored, projected and exported",
                f"a span of a session of {_SHORT}",
                1.5,
                Ratio(statistics.median(ratios), percentile(ratios, 0.1), percentile(ratios, 0.9), len(ratios)),
                checked=f"{length:,} spans stored, {2 * length:,} events in the trajectory, in order, and in the line",
            )
    yield Growth(
        "A session that is recorded in flushes, by its length",
        "spans in the session",
        "µs a span, stored, projected and exported",
        series,
        f"Flushes of {_FLUSH} records, each projected at once.",
    )


def _spread(
    url: str, store: PostgresStore, database: psycopg.Connection, length: int, shape: Shape
) -> tuple[float, list[float]]:
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
    whole, shorts = _export(url, database, length)
    return taken / length + whole, [one + shorts for one in beside]


def _seconds(store: PostgresStore, records: list[Record]) -> float:
    """What it takes to store and project these."""
    start = perf_counter()
    store.write(records)
    while store.project():
        pass
    return perf_counter() - start


def _export(url: str, database: psycopg.Connection, length: int) -> tuple[float, float]:
    """Seconds a span that exporting the long session takes, and exporting the short ones."""
    found = database.execute("SELECT id FROM atlas_otel.sessions ORDER BY key LIKE '%-00000000' DESC, id").fetchall()
    (whole, *short) = [number for (number,) in found]
    with open_reader(url) as reader:
        taken = alternate({"whole": lambda: _lines(reader, [whole]), "short": lambda: _lines(reader, short)}, 3)
        events = _lines(reader, [whole]), _lines(reader, short)
    if events != (2 * length, 2 * _SHORT * len(short)):
        raise AssertionError(f"{events} events in the lines")
    return statistics.median(taken["whole"]) / length, statistics.median(taken["short"]) / _SHORT / len(short)


def _lines(reader: SessionReader, ids: list[int]) -> int:
    """Make the lines of these sessions, as an export does; how many events are in them."""
    events = 0
    with reader.snapshot(), closing(reader.sessions_numbered(ids)) as sessions:
        for session in sessions:
            if not encode_session(session):
                raise AssertionError("a line is empty")
            events += len(session.events)
    return events


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


def _by_sessions(url: str, beside: str, options: Options) -> Iterator[Finding | Growth]:
    goals = options.pick(
        (12_500, 25_000, 50_000, 100_000, 200_000, 400_000, 600_000, 800_000, 1_000_000), (12_500, 25_000)
    )
    start = perf_counter()
    numbers = count()
    coming: list[Record] = []

    def renew() -> None:
        coming[:] = _sessions(numbers, _AT_ONCE)

    full: list[tuple[float, float]] = []
    empty: list[tuple[float, float]] = []
    with (
        PostgresStore(url) as ours,
        PostgresStore(beside) as other,
        psycopg.connect(url, autocommit=True) as grown,
        psycopg.connect(beside, autocommit=True) as small,
    ):
        _seconds(ours, _sessions(numbers, _ORIGINALS))
        with closing(Filling(url)) as filling:
            for goal in goals:
                filling.fill(max(0, -(-(goal - _spans_in(grown)) // filling.spans)))
                _copying.wipe(small)
                last = goal == goals[-1] or perf_counter() - start > _LIMIT_S
                held, turns = _spans_in(grown), options.rounds if last else options.pick(5, 2)
                taken = alternate(
                    {"grown": lambda: _seconds(ours, coming), "empty": lambda: _seconds(other, coming)},
                    turns,
                    between=renew,
                )
                for points, name in ((full, "grown"), (empty, "empty")):
                    points.append((float(held), statistics.median(taken[name]) / _AT_ONCE * 1e3))
                if last:
                    break
        checked = _check_sessions(url, grown)
    yield Finding(
        f"a whole session, stored and projected into a database of {held:,} spans",
        "the same into an empty one",
        None,
        ratio(taken["grown"], taken["empty"]),
        checked=checked,
    )
    yield Growth(
        "Whole sessions into a database that grows",
        "spans in the database",
        f"ms a session of {_ROWS_A_WHOLE_SESSION[_copying.SPANS]} spans, stored and projected",
        {"into this database": full, "into an empty one, in turns": empty},
        f"{checked.capitalize()}. Where both lines move, it is the machine that did.",
    )


def _sessions(numbers: Iterator[int], some: int) -> list[Record]:
    return [record for number in islice(numbers, some) for record in whole_session(number, "grown")]


def _spans_in(database: psycopg.Connection) -> int:
    return _copying.counts(database, (_copying.SPANS,))[_copying.SPANS]


def _check_sessions(url: str, database: psycopg.Connection) -> str:
    """Every table has as many rows as so many sessions have, and some of the copies are what their records say."""
    counts = _copying.counts(database)
    sessions = counts["public.sessions"]
    wanted = {table: sessions * rows for table, rows in _ROWS_A_WHOLE_SESSION.items()}
    if counts != wanted:
        raise AssertionError(f"{counts}, not {wanted}")
    copies = database.execute("SELECT key FROM atlas_otel.sessions WHERE key LIKE '%+%' ORDER BY random() LIMIT 20")
    keys = [key for (key,) in copies]
    wrong = [one.session for one in verify_database(url, keys) if one.differences]
    if wrong:
        raise AssertionError(f"the rows of {wrong} are not what their records say")
    return (
        f"{sessions:,} sessions with {counts[_copying.SPANS]:,} spans and all their rows, counted; {len(keys)} verified"
    )
