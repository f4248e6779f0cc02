"""collector/scale-out/partition.sql: what was recorded stays, and the store writes and projects as before."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import EventRecord, SpanRecord
from tests.support.records import make_span

SCRIPT = Path(__file__).resolve().parents[2] / "collector" / "scale-out" / "partition.sql"
BEGAN = 1_700_000_000_000_000_000


def _span(trace: int, number: int) -> SpanRecord:
    return make_span(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_span_id=None if number == 1 else f"{1:016x}",
        session_key=f"{trace:032x}",
        name="invoke_agent a" if number == 1 else f"step {number}: s",
        kind="session" if number == 1 else "step",
        span_kind=1,
        start_ns=BEGAN + number,
        end_ns=BEGAN + 1000 - number,
        status=1,
        attributes={"atlas.task": "count"} if number == 1 else {},
        scope="atlas_otel",
        resource={"service.name": "tests"},
        version=BEGAN,
    )


def _batch(traces: range) -> list[SpanRecord]:
    return [_span(trace, number) for trace in traces for number in (1, 2, 3)]


def _definition(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    """Columns, keys and indexes of the two tables, as far as a user of them can tell."""
    with psycopg.connect(database_url) as connection:
        return {
            table: connection.execute(
                "SELECT attname, atttypid::regtype::text, attnotnull, attcompression FROM pg_attribute "
                "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                [table],
            ).fetchall()
            + connection.execute(
                "SELECT indexrelid::regclass::text, indisunique, indkey::text, pg_get_expr(indpred, indrelid) "
                "FROM pg_index WHERE indrelid = %s::regclass ORDER BY 1",
                [table],
            ).fetchall()
            for table in ("atlas_otel.spans", "atlas_otel.span_events")
        }


@pytest.fixture
def partitioned(database_url: str) -> str:
    """A database that held records before it was split."""
    with PostgresStore(database_url) as store:
        store.write(_batch(range(1, 9)))
    before = _definition(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SCRIPT.read_text())
    assert _definition(database_url) == before
    return database_url


def test_what_was_there_stays_and_more_comes(partitioned: str) -> None:
    event = EventRecord(
        trace_id=f"{1:032x}",
        span_id=f"{1:016x}",
        sequence=BEGAN + 5,
        session_key=f"{1:032x}",
        name="atlas.metadata",
        payload='{"tenant": "acme"}',
    )
    with PostgresStore(partitioned) as store:
        for _ in range(2):  # again, as a retry does: known rows meet ON CONFLICT, changed ones the upsert
            assert store.write([*_batch(range(5, 17)), event]).poisoned == ()
        assert store.project() == 16
        assert len(store.records(f"{3:032x}").spans) == 3
        rows = store.rows(f"{16:032x}")
    assert rows is not None
    assert rows.session.task == "count"
    with psycopg.connect(partitioned) as connection:
        found = connection.execute("SELECT count(*), count(DISTINCT tableoid) FROM atlas_otel.spans").fetchone()
    assert found is not None
    assert found[0] == 16 * 3
    assert found[1] > 4  # spread over the parts
