"""The training formats over sessions recorded in memory: what was said is what is written."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel.testing import recording
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.formats.messages import read_messages
from atlas_otel_exporters.stored import StoredAttempt, StoredEvent, StoredSession, StoredStep

if TYPE_CHECKING:
    from atlas_otel.models.rows import SessionRows
    from atlas_otel_exporters.formats import FormatName

Json = dict[str, Any]


def stored(rows: SessionRows) -> StoredSession:
    """Rows as a reader would give them."""

    def text(value: object) -> bytes | None:
        return None if value is None else json.dumps(value).encode()

    events = []
    for number, row in enumerate(rows.events):
        payload = json.loads(row.event)["payload"]
        kind, name = payload["event_type"], payload["name"]
        events.append(StoredEvent(1, number, row.event.encode(), datetime.now(timezone.utc), kind, name, None))
    steps = [
        StoredStep(
            one.step_id,
            one.trace,
            one.output,
            text(one.evaluation),
            one.attempts,
            text(one.metadata),
            [StoredAttempt(a.attempt, text(a.evaluation)) for a in rows.attempts if a.step_id == one.step_id],
            [g.note for g in rows.guidance if g.step_id == one.step_id],
        )
        for one in rows.steps
    ]
    row = rows.session
    json_columns = (text(row.reward), text(row.reward_stats), text(row.reward_audit))
    reviewed = (row.review_status, row.review_notes, text(row.metadata), row.final_answer)
    learnt = (None, None)
    times = (row.created_at, row.completed_at)
    held = (text(rows.plan), steps, events, len(events))
    return StoredSession._make((5, "k", row.task, row.status, *reviewed, *json_columns, *learnt, *times, *held))


def lines(name: FormatName, rows: SessionRows) -> list[Json]:
    return [json.loads(line) for line in format_named(name)(stored(rows))]


@atlas.tool
def search(query: str) -> list[str]:
    if not query:
        raise ValueError("an empty query")
    return [query]


@atlas.llm(model="m")
def complete(messages: list[Json], reply: Json) -> Json:
    return reply


CALL = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"query": "x"}'}}


def test_calls_that_go_on_from_each_other_are_one_conversation() -> None:
    opening = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x?"}]
    calling = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "[1]"}
    said = {"role": "assistant", "content": "One."}
    other = [{"role": "user", "content": "Something else"}]
    with recording() as records:
        with atlas.session("t"):
            complete(opening, calling)
            complete(other, said)
            complete([*opening, calling, result], said)
            with contextlib.suppress(TypeError):
                complete()  # type: ignore[call-arg]
        atlas_lines = lines("chat", records.rows())
    assert [len(line["messages"]) for line in atlas_lines] == [2, 5]
    whole = atlas_lines[1]
    assert [message["role"] for message in whole["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert whole["messages"][2]["tool_calls"] == [CALL]
    assert whole["messages"][3]["tool_call_id"] == "c1"
    assert whole["messages"][-1] == said
    spans = [span for span in records.spans if span.kind == "llm" and span.status != 2]
    assert whole["span_ids"] == [spans[0].span_id, spans[2].span_id]
    assert (whole["session_id"], whole["session_key"]) == (5, "k")


def test_without_model_messages_the_task_the_tools_and_the_answer_are_the_conversation() -> None:
    with recording() as records, atlas.session("Find x") as session:
        search("x")
        with contextlib.suppress(ValueError):
            search("")
        session.final_answer = "x it is"
    (line,) = lines("chat", records.rows())
    asked, first, found, second, failed, answer = line["messages"]
    assert (asked, answer) == (
        {"role": "user", "content": "Find x"},
        {"role": "assistant", "content": "x it is"},
    )
    assert json.loads(first["tool_calls"][0]["function"]["arguments"]) == {"query": "x"}
    assert (found["content"], found["name"]) == ('["x"]', "search")
    assert found["tool_call_id"] == first["tool_calls"][0]["id"] != second["tool_calls"][0]["id"]
    assert failed["content"] == "error: ValueError: an empty query"
    assert len(line["span_ids"]) == 3  # the session's, and each call's


def attempted(*verdicts: bool | None, outputs: list[str] | None = None, raises: int = 0) -> SessionRows:
    with recording() as records, atlas.session("Find x"):
        for number, verdict in enumerate(verdicts, 1):
            with contextlib.suppress(RuntimeError), atlas.step("Look", id=3) as step:
                step.output = outputs[number - 1] if outputs else f"try {number}"
                if number == raises:
                    raise RuntimeError("broken")
            if verdict is not None:
                atlas.set_validation(verdict, step=3)
            atlas.add_guidance(f"note {number}", step=3)
    return records.rows()


def test_a_failed_and_a_passed_attempt_are_a_pair() -> None:
    found = lines("preference", attempted(False, False, True))
    assert [(line["rejected_attempt"], line["chosen_attempt"]) for line in found] == [(1, 3), (2, 3)]
    first, second = found
    assert first["prompt"] == [{"role": "user", "content": "Task: Find x\nStep 3: Look"}]
    assert first["chosen"] == [{"role": "assistant", "content": "try 3"}]
    assert first["rejected"] == [{"role": "assistant", "content": "try 1"}]
    assert first["guidance"] == ["note 1", "note 2"]
    assert second["prompt"][0]["content"].endswith("Guidance: note 1")
    assert (first["step_id"], len(set(first["span_ids"]))) == (3, 2)


@pytest.mark.parametrize(
    "rows",
    [
        attempted(True),
        attempted(False),
        attempted(False, False),
        attempted(True, False),
        attempted(None, None),
        attempted(False, True, outputs=["same", "same"]),
        attempted(False, True, outputs=["", "good"]),
    ],
    ids=["passed", "failed", "twice", "then failed", "unjudged", "the same answer", "no answer"],
)
def test_what_is_no_pair_is_left_out(rows: SessionRows) -> None:
    assert lines("preference", rows) == []


def test_an_attempt_that_raised_is_rejected_for_the_next_that_did_not() -> None:
    (line,) = lines("preference", attempted(None, None, raises=1))
    assert (line["rejected"][0]["content"], line["chosen"][0]["content"]) == ("try 1", "try 2")


def rewarded(step_score: float | None, session_score: float | None) -> SessionRows:
    with recording() as records, atlas.session("Find x"):
        with atlas.step("Look", id=1) as step:
            step.output = {"found": [1]}
        with atlas.step("Say", id=2) as step:
            step.output = "One."
        if step_score is not None:
            atlas.record_reward(step_score, step=2)
        if session_score is not None:
            atlas.record_reward(session_score)
    return records.rows()


@pytest.mark.parametrize(
    ("step_score", "session_score", "expected"),
    [
        (None, None, []),
        (0.0, None, [(2, 0.0, "step")]),
        (0.25, 1.0, [(1, 1.0, "session"), (2, 0.25, "step")]),
        (None, 0.0, [(1, 0.0, "session"), (2, 0.0, "session")]),
    ],
)
def test_steps_are_rewarded_by_who_scored_them_and_by_nobody_else(
    step_score: float | None, session_score: float | None, expected: list[tuple[int, float, str]]
) -> None:
    found = lines("rl", rewarded(step_score, session_score))
    assert [(line["step_id"], line["reward"], line["reward_source"]) for line in found] == expected
    for line in found:
        assert len(line["span_ids"]) == 1
    if len(found) == 2:
        assert json.loads(found[0]["completion"][0]["content"]) == {"found": [1]}
        assert 'Result of step 1: {"found":[1]}' in found[1]["prompt"][0]["content"]


GENAI = [
    {"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "hm"},
            {"type": "tool_call", "id": "1", "name": "f", "arguments": {"x": 1}},
            {"type": "blob", "mime_type": "image/png", "content": "…"},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"y": 2}}]},
]


def test_the_conventions_form_is_read() -> None:
    read = read_messages(GENAI, role="user")
    assert read.omitted == 1
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert read.items == [
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "content": '{"y":2}', "tool_call_id": "1"},
    ]


def test_other_forms_are_read() -> None:
    langchain = {"messages": [{"type": "human", "content": "q"}, {"type": "ai", "content": [{"text": "a"}]}]}
    assert read_messages(langchain, role="user").items == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    choice = [{"index": 0, "message": {"role": "assistant", "content": "a"}}]
    assert read_messages(choice, role="assistant").items == [{"role": "assistant", "content": "a"}]
    assert read_messages("just text", role="assistant").items == [{"role": "assistant", "content": "just text"}]
    assert read_messages({"query": "no messages"}, role="user").items == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "type", "content", "parts", "tool_calls", "function", "id", "name", "messages"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(anything)
def test_whatever_was_recorded_messages_have_a_role_and_a_text(value: Any) -> None:
    for message in read_messages(value, role="user").items:
        assert isinstance(message["role"], str)
        assert isinstance(message["content"], str)
        for call in message.get("tool_calls", []):  # type: ignore[union-attr]
            assert isinstance(call["function"]["arguments"], str)  # type: ignore[call-overload,index]
