"""In a database that has no statistics yet, some sessions at once are found by the index, not by reading whole tables.

Without statistics Postgres takes fifty sessions for a quarter of a table. What is read then grows with the table, each
time; autovacuum comes a minute late, or not at all where it is off.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from atlas_otel.postgres.connect import connect
from atlas_otel.postgres.reader import count_records_since, read_records_since, read_rows_of
from atlas_otel_exporters.read import SessionReader

_SESSIONS = 500
_FILL = f"""
INSERT INTO public.sessions (id, task) SELECT n, 't' FROM generate_series(1, {_SESSIONS}) AS n;
INSERT INTO atlas_otel.sessions (key, id, revision) SELECT 'k' || n, n, 1 FROM generate_series(1, {_SESSIONS}) AS n;
INSERT INTO atlas_otel.spans (
    trace_id, span_id, session_key, revision, name, span_kind, start_ns, status, scope, resource_hash, rank, version,
    dropped_attributes, dropped_events, dropped_links, attributes
)
SELECT n, s, 'k' || n, 1, 'n', 0, 1, 0, 's', '', 5, 1, 0, 0, 0, '{{}}'
FROM generate_series(1, {_SESSIONS}) AS n, generate_series(1, 20) AS s;
INSERT INTO atlas_otel.span_events (trace_id, span_id, sequence, session_key, revision, name, payload)
SELECT n, 1, s, 'k' || n, 1, 'n', '{{}}' FROM generate_series(1, {_SESSIONS}) AS n, generate_series(1, 20) AS s;
INSERT INTO public.step_results (session_id, step_id)
SELECT n, s FROM generate_series(1, {_SESSIONS}) AS n, generate_series(1, 20) AS s;
INSERT INTO public.step_attempts (session_id, step_id, attempt) SELECT session_id, step_id, 1 FROM public.step_results;
INSERT INTO public.guidance_notes (session_id, step_id, sequence, note)
SELECT session_id, step_id, 1, 'n' FROM public.step_results;
INSERT INTO public.trajectory_events (id, session_id, event)
SELECT n * 100 + s, n, '{{}}' FROM generate_series(1, {_SESSIONS}) AS n, generate_series(1, 20) AS s;
INSERT INTO atlas_otel.trajectory (session_id, time_ns, key, content_hash, event_id)
SELECT session_id, id, 'k', '', id FROM public.trajectory_events;
"""


@pytest.fixture
def filled(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection, in a transaction, to a database with many sessions that was never analysed."""
    with connect(database_url) as connection, connection.transaction():
        connection.execute(_FILL.encode())
    with (
        connect(database_url) as connection,
        connection.transaction(),
    ):  # another: the first has not yet handed in all that it counted
        yield connection


def rows_read_in_sequence(connection: psycopg.Connection) -> dict[str, int]:
    """By table, on this connection; of ``sessions`` there are so few here that all of them are read the sooner."""
    counts = (
        "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables WHERE seq_tup_read > 0 AND relname <> 'sessions'"
    )
    return dict(connection.execute(counts.encode()).fetchall())


def test_records_and_rows(filled: psycopg.Connection) -> None:
    keys = [f"k{number}" for number in range(300, 350)]

    assert count_records_since(filled, dict.fromkeys(keys, 0)) == dict.fromkeys(keys, 40)
    records = read_records_since(filled, dict.fromkeys(keys, 0))
    rows = read_rows_of(filled, keys)

    assert sum(map(len, records.values())) == 50 * 40
    counts = [(len(one.steps), len(one.attempts), len(one.guidance), len(one.events)) for one in rows.values()]
    assert counts == [(20, 20, 20, 20)] * 50
    assert rows_read_in_sequence(filled) == {}


def test_lines(filled: psycopg.Connection) -> None:
    sessions = list(SessionReader(filled).sessions_numbered(range(300, 350)))

    assert [(len(one.steps), len(one.events)) for one in sessions] == [(20, 20)] * 50
    assert rows_read_in_sequence(filled) == {}
