"""One line of stored rows: the contract's §3, rule by rule, and over anything that rows can hold."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.errors import RecordError
from atlas_otel.models.session_trace import AtlasSessionTrace
from atlas_otel_exporters.encode import encode_session
from atlas_otel_exporters.stored import StoredAttempt, StoredEvent, StoredSession, StoredStep

MOMENT = datetime(2025, 10, 1, 12, tzinfo=timezone.utc)
Json = dict[str, Any]


def blob(value: object) -> bytes:
    return json.dumps(value).encode()


def step(step_id: int, **columns: Any) -> StoredStep:
    held: Json = {"trace": "t", "output": f"out {step_id}", "evaluation": None, "attempts": 1, "metadata": None}
    return StoredStep(step_id=step_id, **{**held, "history": (), "guidance": (), **columns})


def session(**columns: Any) -> StoredSession:
    blank: Json = dict.fromkeys(StoredSession._fields)
    return StoredSession(**{**blank, "id": 7, "task": "do it", "steps": (), "events": (), "events_total": 0, **columns})


def line(**columns: Any) -> Json:
    parsed: Json = json.loads(encode_session(session(**columns)))
    AtlasSessionTrace.model_validate(parsed)
    return parsed


def test_an_empty_session_has_every_field_that_readers_index() -> None:
    assert line(created_at=MOMENT, status="running") == {
        "task": "do it",
        "final_answer": "",
        "plan": {"steps": [], "execution_mode": "stepwise"},
        "steps": [],
        "session_metadata": {
            "session_id": 7,
            "status": "running",
            "created_at": "2025-10-01T12:00:00+00:00",
            "trajectory_events": [],
        },
        "trajectory_events": [],
    }


def test_a_step_takes_its_description_from_the_plan_and_its_context_from_the_steps_before() -> None:
    plan = {
        "steps": [{"id": 1, "description": "one"}, {"id": 2, "description": "two", "tool": "sql", "depends_on": [1]}]
    }
    metadata = {"artifacts": {"a": 1}, "status": "ok", "notes": "", "evaluation": "never lifted", "own": [1]}
    steps = [step(1, metadata=blob(metadata)), step(2, attempts=None, guidance=("g",))]
    first, second = line(plan=blob(plan), steps=steps)["steps"]
    assert (first["description"], second["description"], second["tool"]) == ("one", "two", "sql")
    assert second["metadata"]["depends_on"] == [1]
    assert second["attempts"] == 1
    assert first["context"] == {"prior_results": {}, "prior_results_text": {}}
    assert second["context"] == {
        "prior_results": {"1": {"output_text": "out 1", "artifacts": {"a": 1}, "status": "ok"}},
        "prior_results_text": {"1": "out 1"},
    }
    assert first["own"] == first["metadata"]["own"] == [1]
    assert "evaluation" not in first
    assert first["metadata"]["evaluation"] == "never lifted"


@pytest.mark.parametrize(
    ("reward", "missing"),
    [
        (None, True),
        ({}, True),
        ({"score": None}, True),
        ({"score": "NaN"}, True),
        ({"score": 0.0, "raw": {"skipped": True, "reason": "deferred"}}, True),
        ({"score": 0.0}, False),
        ({"score": 0}, False),
        ({"score": 1.5, "raw": {"skipped": False}}, False),
    ],
)
def test_a_zero_that_nobody_gave_is_marked(reward: Json | None, missing: bool) -> None:
    (found,) = line(steps=[step(1, evaluation=blob({"reward": reward}))])["steps"]
    assert found.get("reward_missing", False) is missing
    assert found["metadata"].get("reward_missing", False) is missing
    assert found["reward"]["raw"] == (reward or {})
    assert found["reward"]["score"] == (0.0 if missing else (reward or {})["score"])


def test_attempts_are_spliced_as_they_are_stored() -> None:
    history = (StoredAttempt(1, b'{"reward": {"score": 123456789012345678901234567890}}'), StoredAttempt(2, None))
    text = encode_session(session(steps=[step(1, history=history)]))
    assert text.count(b"123456789012345678901234567890") == 4  # history and details, at the top and in metadata
    assert json.loads(text)["steps"][0]["attempt_history"][1] == {"attempt": 2, "evaluation": None}


def test_columns_come_before_metadata_and_metadata_fills_in() -> None:
    held = {
        "session_reward": {"score": 0.25},
        "reward_stats": {"score": 0.25},
        "student_learning": "from metadata",
        "teacher_learning": "from metadata",
        "drift": {"drift_alert": True},
        "adaptive_summary": {"adaptive_mode": "coach"},
        "status": "kept",
    }
    found = line(metadata=blob(held), reward_stats=blob({"score": 0.5}), student_learning=" own ", status="succeeded")
    assert found["session_reward"] == {"score": 0.25}
    assert found["reward_stats"] == {"score": 0.5}
    assert (found["student_learning"], found["teacher_learning"]) == ("own", "from metadata")
    assert found["drift_alert"] is True
    assert found["execution_mode"] == "coach"
    assert found["session_metadata"]["status"] == "kept"


def test_events_stand_in_both_places_and_a_limit_says_what_it_left_out() -> None:
    events = [StoredEvent(7, n, b'{"payload": {}}', MOMENT, "LLM_END", "chat", None) for n in (4, 5)]
    found = line(events=events, events_total=5)
    assert found["trajectory_events"] == found["session_metadata"]["trajectory_events"]
    assert found["trajectory_events"][0] == {
        "id": 4,
        "event": {"payload": {}},
        "created_at": "2025-10-01T12:00:00+00:00",
        "type": "LLM_END",
        "event_type": "LLM_END",
        "name": "chat",
    }
    assert found["session_metadata"]["trajectory_events_omitted"] == 3
    assert "trajectory_events_omitted" not in line(events=events, events_total=2)["session_metadata"]


def test_a_revision_stands_at_the_top() -> None:
    assert json.loads(encode_session(session(), revision=3))["revision"] == 3


def test_a_value_that_cannot_be_read_is_an_error_of_ours() -> None:
    with pytest.raises(RecordError):
        encode_session(session(metadata=b"{"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
# Keys that mean something to the encoder, with values that do not.
KNOWN = (
    *("evaluation", "metadata", "reward", "output", "status", "artifacts", "notes", "attempt_history", "depends_on"),
    *("drift", "teacher_notes", "reward_stats", "reward_audit", "adaptive_summary", "learning_key", "session_id"),
    *("trajectory_events", "step_id"),
)
known_keys = st.sampled_from(KNOWN)
objects = st.dictionaries(st.text(max_size=8) | known_keys, json_values, max_size=6)
columns = st.none() | st.one_of(objects, json_values).map(blob)
texts = st.none() | st.text()
evaluations = columns | st.fixed_dictionaries({"reward": json_values, "validation": json_values}).map(blob)
steps = st.builds(
    StoredStep,
    step_id=st.integers(0, 99),
    trace=texts,
    output=texts,
    evaluation=evaluations,
    attempts=st.none() | st.integers(0, 9),
    metadata=columns,
    history=st.lists(st.builds(StoredAttempt, st.integers(1, 9), columns), max_size=2),
    guidance=st.lists(st.text(), max_size=2),
)
moments = st.none() | st.integers(0, 10**6).map(lambda seconds: MOMENT + timedelta(seconds=seconds))
events = st.builds(
    StoredEvent, st.just(7), st.integers(1, 2**31 - 1), json_values.map(blob), moments.filter(bool), texts, texts, texts
)
sessions = st.builds(
    StoredSession,
    id=st.integers(1, 2**31 - 1),
    key=texts,
    task=texts,
    status=texts,
    review_status=texts,
    review_notes=texts,
    metadata=columns,
    final_answer=texts,
    reward=columns,
    reward_stats=columns,
    reward_audit=columns,
    student_learning=texts,
    teacher_learning=texts,
    created_at=moments,
    completed_at=moments,
    plan=columns,
    steps=st.lists(steps, max_size=3),
    events=st.lists(events, max_size=3),
    events_total=st.integers(0, 5),
)


@given(sessions)
def test_whatever_the_rows_hold_the_line_is_one_json_object_with_the_contracts_fields(stored: StoredSession) -> None:
    text = encode_session(stored)
    assert b"\n" not in text
    found = json.loads(text)
    assert {"task", "final_answer", "plan", "steps", "session_metadata", "trajectory_events"} <= set(found)
    assert len(found["steps"]) == len(stored.steps)
    assert [event["id"] for event in found["trajectory_events"]] == [event.id for event in stored.events]
    for index, (given_step, read) in enumerate(zip(stored.steps, found["steps"], strict=True)):
        assert "evaluation" not in read
        assert isinstance(read["reward"]["score"], float)
        before = {str(one.step_id): one.output or "" for one in stored.steps[:index]}
        assert read["context"]["prior_results_text"] == before
        assert (read["step_id"], read["output"]) == (given_step.step_id, given_step.output or "")
        assert read["guidance"] == given_step.guidance


def test_events_as_text_or_left_out_are_what_one_column_can_hold() -> None:
    given = session(
        events=[StoredEvent(1, 4, blob({"payload": {"data": [1]}}), MOMENT, "LLM_END", "m", None)], events_total=1
    )
    (event,) = json.loads(encode_session(given, events="text"))["trajectory_events"]
    assert json.loads(event["event"]) == {"payload": {"data": [1]}}
    assert event["event_type"] == "LLM_END"
    without = json.loads(encode_session(given, events="none"))
    assert without["trajectory_events"] == without["session_metadata"]["trajectory_events"] == []
    assert without["session_metadata"]["trajectory_events_omitted"] == 1
