"""design.md, point 2: the projection is order-free, duplicate-free, incremental, and takes any part of a run."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_otel.models.intermediate_step import IntermediateStep
from atlas_otel.models.rows import SessionRows
from atlas_otel.projection.project import SessionFold, project
from atlas_otel.records.record import RANK_OPEN, Record, RecordSet, SpanRecord

Records = st.SearchStrategy[list[Record]]
relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@relaxed
@given(data=st.data())
def test_order_and_duplication_change_nothing(any_records: Records, data: st.DataObject) -> None:
    records = data.draw(any_records)
    shuffled = data.draw(st.permutations(records + records[: len(records) // 2]))
    assert project(RecordSet(shuffled)) == project(RecordSet(records))


@relaxed
@given(data=st.data())
def test_a_fold_equals_the_projection_after_every_batch(any_records: Records, data: st.DataObject) -> None:
    records = data.draw(any_records)
    ordered = data.draw(st.permutations(records))
    fold = SessionFold()
    seen: list[Record] = []
    for record in ordered:
        fold.add(record)
        seen.append(record)
        if data.draw(st.booleans()):
            assert fold.rows() == project(RecordSet(seen))
    assert fold.rows() == project(RecordSet(records))


@pytest.fixture
def every_attempt_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_otel.projection.fold.LONG_ATTEMPT", 1)


@settings(relaxed, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.usefixtures("every_attempt_is_long")
def test_so_it_is_where_attempts_that_run_are_shown_in_part(any_records: Records, data: st.DataObject) -> None:
    records = [
        record._replace(end_ns=None, rank=RANK_OPEN)
        if isinstance(record, SpanRecord) and record.kind in ("session", "step") and data.draw(st.booleans())
        else record
        for record in data.draw(any_records)
    ]
    fold = SessionFold()
    seen: list[Record] = []
    for record in data.draw(st.permutations(records)):
        fold.add(record)
        seen.append(record)
        if data.draw(st.booleans()):
            assert fold.rows() == project(RecordSet(seen))
    assert fold.rows() == project(RecordSet(records))


def _assert_valid(rows: SessionRows) -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            for key, held in value.items():
                assert isinstance(key, str)
                assert not (key == "score" and held is None), "a score is a number or absent"
                check(held)
        elif isinstance(value, list):
            for held in value:
                check(held)
        else:
            assert value is None or isinstance(value, (str, int, float, bool))
            assert not isinstance(value, float) or math.isfinite(value)

    session = rows.session
    assert session.status in ("running", "succeeded", "failed")
    assert (session.completed_at is None) == (session.status == "running")
    json.dumps(session.metadata)
    for held in (rows.plan, session.reward, session.reward_stats, session.reward_audit):
        check(held)
    planned = [step["id"] for step in rows.plan["steps"]]  # type: ignore[union-attr, index, call-overload]
    ran = [step.step_id for step in rows.steps]
    assert len(set(planned)) == len(planned)
    assert ran == sorted(set(ran))
    assert set(ran) <= set(planned), "the plan lists every step that ran"
    for step in rows.steps:
        check(step.evaluation)
        attempts = [one.attempt for one in rows.attempts if one.step_id == step.step_id]
        assert attempts == sorted(set(attempts))
        assert attempts[-1] == step.attempts
        assert 0 <= step.step_id < 2**31
        notes = [one.sequence for one in rows.guidance if one.step_id == step.step_id]
        assert notes == list(range(1, len(notes) + 1))
    assert {one.step_id for one in rows.attempts} == set(ran)
    places = [(event.time_ns, event.key) for event in rows.events]
    assert places == sorted(set(places))
    assert len({event.key for event in rows.events}) == len(rows.events)
    for event in rows.events:
        IntermediateStep.model_validate_json(event.event)


@relaxed
@given(data=st.data())
def test_any_part_of_any_records_is_a_valid_session(any_records: Records, data: st.DataObject) -> None:
    records = data.draw(any_records)
    part = [record for record in records if data.draw(st.booleans())]
    rows = project(RecordSet(part))
    if rows is not None:
        _assert_valid(rows)


def test_nothing_is_no_session() -> None:
    assert project(RecordSet()) is None
