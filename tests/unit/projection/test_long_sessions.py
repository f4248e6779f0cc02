"""What a long session shows while it runs, and that its rows cost no more the longer it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel import semconv
from atlas_otel.projection.fold import LONG_ATTEMPT
from atlas_otel.projection.project import SessionFold, project
from atlas_otel.records.record import RecordSet

if TYPE_CHECKING:
    from conftest import Run

MANY = 4 * LONG_ATTEMPT


def _tools(run: Run, number: int) -> None:
    for n in range(number):
        run.span(100 + n, 2, "tool", f"tool {n}", 1 + n, 1.5 + n, {semconv.GEN_AI_TOOL_NAME: f"look{n:04}"})


def _trace(run: Run) -> str:
    rows = project(RecordSet(run.records))
    assert rows is not None
    return rows.steps[0].trace


def test_a_long_attempt_that_runs_is_shown_to_where_its_time_last_doubled(run: Run) -> None:
    run.span(1, None, "session", "run", 0, None, {semconv.ATLAS_TASK: "t"})
    run.step(2, 1, 1, 1, 0, None, "look around")
    _tools(run, MANY)

    running = _trace(run)
    last = max(int(word[4:8]) for word in running.split() if word.startswith("look"))
    assert MANY / 2 - 2 <= last < MANY

    run.step(2, 1, 1, 1, 0, MANY + 5, "look around")
    assert f"look{MANY - 1:04}" in _trace(run)


def test_all_is_shown_when_the_session_is_over_though_the_attempt_never_ended(run: Run) -> None:
    run.step(2, 1, 1, 1, 0, None, "look around")
    _tools(run, MANY)
    run.span(1, None, "session", "run", 0, MANY + 5, {semconv.ATLAS_TASK: "t"})
    assert f"look{MANY - 1:04}" in _trace(run)


def test_a_short_attempt_is_always_shown_whole(run: Run) -> None:
    run.span(1, None, "session", "run", 0, None, {semconv.ATLAS_TASK: "t"})
    run.step(2, 1, 1, 1, 0, None, "look around")
    _tools(run, LONG_ATTEMPT - 1)
    assert f"look{LONG_ATTEMPT - 2:04}" in _trace(run)


def test_events_are_shown_at_once_and_those_of_before_are_the_same_objects(run: Run) -> None:
    run.span(1, None, "session", "run", 0, None, {semconv.ATLAS_TASK: "t"})
    run.step(2, 1, 1, 1, 0, None, "look around")
    _tools(run, MANY)
    fold = SessionFold()
    for record in run.records:
        fold.add(record)
    before = fold.rows()
    fold.add(run.span(9, 2, "tool", "late", MANY + 9, MANY + 10))
    fold.add(run.span(1, None, "session", "run", 0, MANY + 11, {semconv.ATLAS_TASK: "t"}))
    after = fold.rows()

    assert before is not None
    assert after is not None
    assert len(before.events) == 2 + 2 * MANY
    assert len(after.events) == 2 + 2 * MANY + 3
    kept = {id(event) for event in before.events}
    assert sum(id(event) in kept for event in after.events) == len(before.events)
