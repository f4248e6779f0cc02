"""Records, rows and exported lines of a whole database held against each other, all of them, by two processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import psycopg
from agents import RUN

from atlas_otel.postgres.sessions import keys_of
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.verify import verify_database, verify_file
from atlas_otel_exporters.write import zstd_module

_PROCESSES = 2


class Compared(NamedTuple):
    """What was compared and agreed."""

    sessions: int
    lines: int
    trajectory_events: int
    line_bytes: int


def compare(url: str, folder: Path) -> Compared:
    """Fail where anything differs. Files of lines are left in ``folder``; nobody writes to the database meanwhile."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM trajectory_events),"
            " (SELECT count(*) FROM atlas_otel.trajectory)"
        ).fetchone()
    assert counts is not None
    sessions, events, known = counts
    assert events == known, "no row of trajectory_events is there that no projection knows"
    keys = keys_of(url, [])
    assert len(keys) == sessions
    share = -(-sessions // _PROCESSES)
    shares = [
        (url, keys[start : start + share], start, folder / f"lines-{start}.jsonl.zst")
        for start in range(0, sessions, share)
    ]
    with multiprocessing.get_context("spawn").Pool(_PROCESSES) as pool:  # ended with this one, also by a signal
        parts = pool.starmap(_compare_share, shares, chunksize=1)
    whole = Compared(*map(sum, zip(*parts, strict=True)))
    assert whole.trajectory_events == events, "every event of every session is in its line"
    return whole


def _compare_share(url: str, keys: list[str], offset: int, lines: Path) -> Compared:
    verified = 0
    for session in verify_database(url, keys):
        assert (session.differences, session.waits) == ([], False), [str(one) for one in session.differences[:5]]
        verified += 1
    assert verified == len(keys)
    exported = export_jsonl(lines, database_url=url, review_statuses=None, limit=len(keys), offset=offset)
    assert exported.sessions == exported.lines == len(keys), exported
    names = 0
    for outcome in verify_file(url, lines):
        assert outcome == [], [str(one) for one in outcome[:5]]
        names += 1
    assert names == len(keys), "each line is of another session"
    events = sum(_events_of_lines(lines))
    assert events == exported.events
    return Compared(len(keys), exported.lines, events, exported.bytes)


def _events_of_lines(lines: Path) -> Iterator[int]:
    with zstd_module().ZstdFile(lines, "rb") as file:
        for line in file:
            yield len(orjson.loads(line)["trajectory_events"])


def spans_of_run(connection: psycopg.Connection, run: str) -> int:
    """How many ended spans are there of the agent with this ledger."""
    row = connection.execute(
        "SELECT count(*) FROM atlas_otel.spans AS span JOIN atlas_otel.resources AS theirs"
        " ON theirs.hash = span.resource_hash WHERE theirs.attributes ->> %s = %s AND span.rank = 5",
        [RUN, run],
    ).fetchone()
    assert row is not None
    return int(row[0])
