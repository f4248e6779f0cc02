"""What came over OTLP reads as over once it has been quiet: its rows are then what a projection of all records says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import psycopg
import pytest

from atlas_otel.models.rows import Quiescence
from atlas_otel.postgres import deletion
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel.records.record import RANK_ENDED_OTLP
from atlas_otel.records.store import Patience
from atlas_otel.semconv import ATLAS_KIND, ATLAS_STEP_ATTEMPT, ATLAS_STEP_ID, ATLAS_TASK, GEN_AI_TOOL_CALL_RESULT
from tests.support.records import make_span

if TYPE_CHECKING:
    from atlas_otel.models.rows import SessionRows
    from atlas_otel.records.record import SpanRecord

T = 1_700_000_000_000_000_000
PATIENCE = Patience(quiet_s=3600, root_s=7200)
QUIET = "UPDATE atlas_otel.sessions SET last_activity = now() - interval '1 h', settles_at = now()"


def span(number: int, kind: str, parent: int | None, **attributes: object) -> SpanRecord:
    return make_span(
        trace_id=f"{7:032x}",
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        session_key="s1",
        name=f"{kind} {number}",
        kind=kind,
        span_kind=1,
        start_ns=T + number * 1_000_000,
        end_ns=T + number * 1_000_000 + 500_000,
        status=1,
        attributes={ATLAS_KIND: kind, **attributes},
        scope="atlas_otel",
        rank=RANK_ENDED_OTLP,
        version=1,
    )


def session() -> list[SpanRecord]:
    step = {ATLAS_STEP_ID: 1, ATLAS_STEP_ATTEMPT: 1}
    result = {GEN_AI_TOOL_CALL_RESULT: '"found"'}
    return [
        span(3, "tool", 2, **step, **result),
        span(2, "step", 1, **step),
        span(1, "session", None, **{ATLAS_TASK: "look"}),
    ]


def value(rows: SessionRows | None) -> object:
    assert rows is not None
    return replace(rows, events=[(e.time_ns, e.key, orjson.loads(e.event)) for e in rows.events])  # type: ignore[misc]


def settled(store: PostgresStore, url: str) -> None:
    """Project once an hour has gone by: the session is over, and its rows are those of all its records."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(QUIET)
    while store.project():
        pass
    rows = store.rows("s1")
    assert rows is not None
    assert rows.session.status == "succeeded"
    assert value(rows) == value(project(store.records("s1"), Quiescence.QUIET))


def tools(store: PostgresStore) -> int:
    rows = store.rows("s1")
    return 0 if rows is None else sum("TOOL_END" in event.event for event in rows.events)


@pytest.mark.parametrize("records", [session(), session()[::2], session()[2:]], ids=["steps", "no step", "alone"])
def test_a_session_that_has_only_become_quiet(database_url: str, records: list[SpanRecord]) -> None:
    with PostgresStore(database_url, patience=PATIENCE) as store:
        store.write(records)
        assert store.project() == 1
        before = store.rows("s1")
        assert before is not None
        assert before.session.status == "running"
        settled(store, database_url)


def test_a_record_that_comes_before_it_is_quiet(database_url: str) -> None:
    with PostgresStore(database_url, patience=PATIENCE) as store:
        store.write(session())
        store.project()
        store.write([span(4, "tool", 2, **{GEN_AI_TOOL_CALL_RESULT: '"more"'})])
        settled(store, database_url)
        assert tools(store) == 2


def test_a_record_of_another_process(database_url: str) -> None:
    with (
        PostgresStore(database_url, patience=PATIENCE) as store,
        PostgresStore(database_url, patience=PATIENCE) as other,
    ):
        store.write(session())
        store.project()
        other.write([span(4, "tool", 2, **{GEN_AI_TOOL_CALL_RESULT: '"more"'})])
        other.project()
        settled(store, database_url)
        assert tools(store) == 2


@pytest.mark.parametrize("statement", ["DELETE FROM public.sessions", "DELETE FROM public.trajectory_events"])
def test_rows_that_somebody_removed(database_url: str, statement: str) -> None:
    with PostgresStore(database_url, patience=PATIENCE) as store:
        store.write(session())
        store.project()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(statement.encode())
        store.mark_dirty(["s1"])
        settled(store, database_url)


def test_a_session_that_is_deleted_before_it_is_quiet(database_url: str) -> None:
    with PostgresStore(database_url, patience=PATIENCE) as store:
        store.write(session())
        store.project()
        deletion.bury(database_url, deletion.select(database_url, deletion.Selection(["s1"])))
        deletion.finish(database_url)
        store.project()
        assert store.rows("s1") is None
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) FROM public.sessions").fetchone() == (0,)


REFUSING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = 'data_exception';
END $$;
CREATE TRIGGER refusing BEFORE UPDATE ON public.sessions FOR EACH ROW WHEN (NEW.task = 'refused')
EXECUTE FUNCTION refuse();
"""


def test_the_refusal_of_one_does_not_keep_the_others(database_url: str) -> None:
    root = span(1, "session", None, **{ATLAS_TASK: "refused"})
    other = [one._replace(session_key="s2", trace_id=f"{8:032x}") for one in (*session()[:2], root)]
    with PostgresStore(database_url, patience=PATIENCE) as store:
        store.write([*session(), *other])
        store.project()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(REFUSING.encode())
            settled(store, database_url)
            found = connection.execute("SELECT key, projection_error IS NULL FROM atlas_otel.sessions ORDER BY 1")
            assert found.fetchall() == [("s1", True), ("s2", False)]
