"""A long session that is projected piece by piece says at each moment what a projection of all its records says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import psycopg
import pytest

from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel.records.record import RANK_ENDED, RANK_OPEN, SpanRecord
from atlas_otel.semconv import (
    ATLAS_KIND,
    ATLAS_STEP_ATTEMPT,
    ATLAS_STEP_DESCRIPTION,
    ATLAS_STEP_ID,
    ATLAS_TASK,
    GEN_AI_TOOL_CALL_RESULT,
    GEN_AI_TOOL_NAME,
)
from tests.support.records import make_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.rows import SessionRows

T = 1_700_000_000_000_000_000
LONG = 400


def span(number: int, kind: str, parent: int | None, *, ended: bool = True, **attributes: object) -> SpanRecord:
    start = T + number * 1_000_000
    return make_span(
        trace_id=f"{7:032x}",
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        session_key="s1",
        name=f"{kind} {number}",
        kind=kind,
        span_kind=1,
        start_ns=start,
        end_ns=start + 500_000 if ended else None,
        status=1,
        attributes={ATLAS_KIND: kind, **attributes},
        scope="atlas_otel",
        rank=RANK_ENDED if ended else RANK_OPEN,
        version=start,
    )


def root(*, ended: bool = False) -> SpanRecord:
    return span(1, "session", None, ended=ended, **{ATLAS_TASK: "a long task"})


def step(number: int, *, ended: bool = True) -> SpanRecord:
    attributes = {ATLAS_STEP_ID: number, ATLAS_STEP_ATTEMPT: 1, ATLAS_STEP_DESCRIPTION: f"step {number}"}
    return span(1_000_000 + number * 1000, "step", 1, ended=ended, **attributes)


def tool(number: int, in_step: int) -> SpanRecord:
    attributes = {GEN_AI_TOOL_NAME: "look", GEN_AI_TOOL_CALL_RESULT: orjson.dumps(number).decode()}
    parent = 1_000_000 + in_step * 1000
    return span(parent + number, "tool", parent, **attributes, **{ATLAS_STEP_ID: in_step, ATLAS_STEP_ATTEMPT: 1})


def value(rows: SessionRows | None) -> object:
    assert rows is not None
    return replace(rows, events=[(e.time_ns, e.key, orjson.loads(e.event)) for e in rows.events])  # type: ignore[misc]


def check(store: PostgresStore) -> None:
    while store.project():
        pass
    assert value(store.rows("s1")) == value(project(store.records("s1")))


@pytest.fixture
def store(database_url: str) -> Iterator[PostgresStore]:
    """A store that follows a long session."""
    with PostgresStore(database_url) as store:
        store.write([root(), step(1, ended=False), *(tool(n, 1) for n in range(1, LONG))])
        check(store)
        yield store


def test_pieces_add_up(store: PostgresStore) -> None:
    for number in range(2, 6):
        store.write([step(number, ended=False), *(tool(n, number) for n in range(1, 40))])
        check(store)
        store.write([step(number), tool(900, number), tool(50, 1)])
        check(store)
    store.write([step(1), root(ended=True)])
    check(store)
    store.write([tool(60, 1)])
    check(store)


def test_another_process_projects_in_between(store: PostgresStore, database_url: str) -> None:
    store.write([tool(401, 1)])
    with PostgresStore(database_url) as other:
        check(other)
        other.write([tool(402, 1)])
    check(store)
    store.write([tool(403, 1)])
    check(store)


def test_a_span_goes_over_to_another_session(store: PostgresStore) -> None:
    store.write([tool(5, 1)._replace(session_key="s2", version=T * 2)])
    check(store)
    assert len(store.records("s1").spans) == LONG


def test_it_is_computed_again_on_demand(store: PostgresStore, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM trajectory_events WHERE id % 3 = 0")
        connection.execute("UPDATE step_results SET output = 'wrong'")
    store.mark_dirty(["s1"])
    check(store)


def test_its_rows_are_deleted(store: PostgresStore, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM sessions")
    store.write([tool(401, 1)])
    check(store)


def test_a_projection_that_is_rolled_back_is_made_again(
    store: PostgresStore, admin: psycopg.Connection, database_url: str
) -> None:
    store.write([tool(401, 1)])
    with psycopg.connect(database_url) as blocker:
        blocker.execute("SELECT id FROM sessions FOR UPDATE")
        store._open.execute("SET lock_timeout = 100")  # type: ignore[union-attr]
        with pytest.raises(Exception, match="lock timeout"):
            store.project()
    store.write([tool(402, 1), step(2)])
    check(store)
