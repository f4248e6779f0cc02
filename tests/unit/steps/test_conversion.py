"""Steps → records → steps is the identity (design.md, point 1), and the spans in between read like decorated ones."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.models.intermediate_step import (
    IntermediateStep,
    IntermediateStepPayload,
    IntermediateStepState,
    IntermediateStepType,
    InvocationNode,
    StreamEventData,
    UsageInfo,
)
from atlas_otel.projection.project import project
from atlas_otel.records.record import EventRecord, RecordSet, SpanRecord, decode_record, encode_record
from atlas_otel.steps.conversion import from_records, pushed_steps, to_records

Type = IntermediateStepType
SESSION = "5" * 32

_JSON: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8),
    st.sampled_from([True, [], {}, [[1, {"a": None}], "x"], {"error": "no"}, {"error": {"type": "T", "message": "m"}}]),
    st.just([{"role": "user", "content": "hi"}]),
)


_TASK = {"step": {"id": 3, "description": "d"}, "guidance": ["g"], "attempt": 2, "context": {}}
_RESULT = {"trace": "t", "output": "o", "evaluation": {"reward": {"score": None}}}
_DATA: st.SearchStrategy[StreamEventData | None] = st.one_of(
    st.none(),
    st.just(StreamEventData(input=_TASK, output=_RESULT)),
    _JSON.map(lambda value: StreamEventData(input=value, output=value)),
    _JSON.map(lambda value: StreamEventData(chunk=value)),
)
_MORE: list[dict[str, Any]] = [
    {},
    {"framework": "langchain", "tags": ["x", ""], "beyond": [1]},
    {"metadata": {"error": "late", "k": {}}, "tags": []},
    {"metadata": {"chat_inputs": [{"role": "user", "content": "hi"}]}},
    {"usage_info": UsageInfo(prompt_tokens=3)},
]


def _build(
    kind: Type, uuid: str, parent: str, name: str | None, seconds: float, data: StreamEventData | None, more: int
) -> IntermediateStep:
    start = 1.5 if kind.state is IntermediateStepState.END and more % 2 else None
    payload = IntermediateStepPayload(
        UUID=uuid,
        event_type=kind,
        event_timestamp=seconds,
        span_event_timestamp=start,
        name=name,
        data=data,
        **_MORE[more],
    )
    node = InvocationNode(function_id="f", function_name="n", parent_id="p" if more else None)
    return IntermediateStep(parent_id=parent, function_ancestry=node, payload=payload)


_STEP = st.builds(
    _build,
    kind=st.sampled_from(list(Type)),
    # Few of them, so that streams interleave, double, end without a start, and never end.
    uuid=st.sampled_from("abcd"),
    parent=st.sampled_from(["root", "a", "b", "elsewhere"]),
    name=st.sampled_from([None, "step_1", "step_2", "search", "gpt", "step_99999999999"]),
    seconds=st.floats(-1e3, 2e9, allow_nan=False) | st.sampled_from([0.0, 1e300, 1.7e9]),
    data=_DATA,
    more=st.integers(0, len(_MORE) - 1),
)


def _plain(steps: list[IntermediateStep]) -> list[Any]:
    return [json.loads(step.model_dump_json()) for step in steps]


streams = st.lists(_STEP, max_size=10)
# More of them for a long run: ATLAS_OTEL_EXAMPLES=10000.
EXAMPLES = int(os.environ.get("ATLAS_OTEL_EXAMPLES", "100"))
relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=EXAMPLES)


@relaxed
@given(streams)
def test_steps_come_back_as_they_were_pushed(steps: list[IntermediateStep]) -> None:
    assert _plain(from_records(to_records(steps, session_key=SESSION))) == _plain(steps)


@relaxed
@given(streams, st.data())
def test_and_so_they_do_after_travelling_in_pieces(steps: list[IntermediateStep], data: st.DataObject) -> None:
    records = [decode_record(encode_record(record)) for record in to_records(steps, session_key=SESSION)]
    shuffled = data.draw(st.permutations(records + records[:3]))
    assert _plain(from_records(shuffled)) == _plain(steps)


@relaxed
@given(streams)
def test_the_trajectory_of_a_stream_is_the_stream(steps: list[IntermediateStep]) -> None:
    """Beside decorated code too: nothing is made up for a span that a pushed step opened."""
    records = to_records(steps, session_key=SESSION)
    rows = project(RecordSet(records))
    events = [] if rows is None else [IntermediateStep.model_validate_json(event.event) for event in rows.events]
    assert _plain(events) == _plain(steps)


@relaxed
@given(streams)
def test_the_same_stream_makes_the_same_records(steps: list[IntermediateStep]) -> None:
    assert to_records(steps, session_key=SESSION) == to_records(steps, session_key=SESSION)


def pushed(
    kind: Type, uuid: str, seconds: float, name: str | None = None, parent: str = "root", **more: Any
) -> IntermediateStep:
    data = {key: more.pop(key) for key in ("input", "output", "chunk") if key in more}
    return IntermediateStep(
        parent_id=parent,
        function_ancestry=InvocationNode(function_id="root", function_name="root"),
        payload=IntermediateStepPayload(
            UUID=uuid, event_type=kind, event_timestamp=seconds, name=name, data=StreamEventData(**data), **more
        ),
    )


@pytest.mark.parametrize(
    ("kinds", "anomalies"),
    [
        ([Type.TOOL_START, Type.TOOL_END], [None, None]),
        ([Type.TOOL_END], ["end_without_start"]),
        ([Type.LLM_NEW_TOKEN], ["chunk_without_start"]),
        ([Type.TOOL_START, Type.TOOL_END, Type.TOOL_END], [None, None, "second_end"]),
        ([Type.LLM_START, Type.LLM_END, Type.LLM_NEW_TOKEN], [None, None, "chunk_after_end"]),
        ([Type.TOOL_START, Type.TOOL_START], [None, "second_start"]),
        ([Type.TOOL_START, Type.LLM_END], [None, "other_category"]),
        ([Type.ADAPTER_EVENT], [None]),
    ],
)
def test_what_fits_no_open_step_is_marked(kinds: list[Type], anomalies: list[str | None]) -> None:
    steps = [pushed(kind, "u", 1.0 + number) for number, kind in enumerate(kinds)]
    records = to_records(steps, session_key=SESSION)
    assert [one.anomaly for one in pushed_steps(records)] == anomalies
    rows = project(RecordSet(records))
    assert rows is not None
    marks = {name: 1 for name in anomalies if name}
    assert rows.session.metadata.get("intermediate_step_anomalies", {}) == marks


def test_a_governed_run_that_was_pushed_fills_the_rows() -> None:
    """What the Atlas runtime pushes (contract §5, events of one run) is read like decorated code."""
    step = {"id": 3, "description": "Query", "tool": "sql", "tool_params": {"db": "a"}, "depends_on": [1]}
    first = {"step": step, "context": {}, "guidance": [], "attempt": 1}
    second = {"step": step, "context": {}, "guidance": ["use a join"], "attempt": 2}
    verdict = {"validation": {"valid": True}, "reward": {"score": 0.75, "judges": [], "rationale": "good"}}
    usage = UsageInfo(prompt_tokens=7, completion_tokens=2, total_tokens=9)
    steps = [
        pushed(Type.WORKFLOW_START, "w", 100.0, "orchestration", input={"task": "Count the projects"}),
        pushed(Type.TASK_START, "t1", 101.0, "step_3", "w", input=first),
        pushed(Type.TOOL_START, "x", 102.0, "sql", "t1", input={"query": "select"}),
        pushed(Type.TOOL_END, "x", 103.0, "sql", "t1", output={"error": "no such table"}),
        pushed(Type.TASK_END, "t1", 104.0, "step_3", "w", output={"error": "no such table"}),
        pushed(Type.TASK_START, "t2", 105.0, "step_3", "w", input=second),
        pushed(Type.LLM_START, "l", 106.0, "gpt", "t2", input={"messages": [{"role": "user", "content": "how?"}]}),
        pushed(Type.LLM_NEW_TOKEN, "l", 106.5, "gpt", "t2", chunk="so"),
        pushed(Type.LLM_END, "l", 107.0, "gpt", "t2", output="so", usage_info=usage),
        pushed(
            Type.TASK_END,
            "t2",
            108.0,
            "step_3",
            "w",
            output={
                "trace": "its own trace",
                "output": {"status": "ok", "artifacts": ["n.csv"]},
                "evaluation": verdict,
                "metadata": {"executor_system_prompt": "You count."},
                "runtime": {"reward_skipped": False, "timings_ms": {"student_ms": 12.5}},
                "status": "completed",
                "deliverable": 4,
            },
        ),
        pushed(Type.WORKFLOW_END, "w", 109.0, "orchestration", output="Four."),
    ]
    rows = project(RecordSet(to_records(steps, session_key=SESSION)))
    assert rows is not None
    assert (rows.session.task, rows.session.status, rows.session.final_answer) == (
        "Count the projects",
        "succeeded",
        "Four.",
    )
    assert rows.session.metadata["teacher_notes"] == ["use a join"]
    assert rows.session.metadata["token_usage"] == {
        "prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "calls": 1,
    }  # fmt: skip
    assert rows.plan == {"steps": [step]}
    assert [(row.step_id, row.sequence, row.note) for row in rows.guidance] == [(3, 1, "use a join")]
    assert [(row.attempt, row.evaluation) for row in rows.attempts] == [(1, None), (2, verdict)]
    (row,) = rows.steps
    assert json.loads(row.output) == {"status": "ok", "artifacts": ["n.csv"]}
    assert row.trace == (
        "--- attempt 1 ---\n"
        f"input: {json.dumps(first, separators=(',', ':'))}\n"
        'tool sql({"query":"select"})\n'
        "  sql failed: error: no such table\n"
        "failed: error: no such table\n"
        "--- attempt 2 ---\n"
        "its own trace"
    )
    assert (row.attempts, row.evaluation) == (2, verdict)
    metadata = row.metadata
    assert metadata["status"] == "completed"
    assert (metadata["deliverable"], metadata["artifacts"]) == (4, ["n.csv"])
    assert metadata["executor_system_prompt"] == "You count."
    assert metadata["runtime"] == {
        "reward_skipped": False,
        "timings_ms": {"student_ms": 12.5, "total_ms": 7000.0},
    }
    assert (metadata["tool"], metadata["depends_on"]) == ("sql", [1])
    assert "reward_missing" not in metadata
    assert "error" not in metadata


def test_the_spans_of_pushed_steps_read_well() -> None:
    messages = [{"role": "user", "content": "hi"}]
    steps = [
        pushed(Type.LLM_START, "l", 1.0, "gpt-5-mini", input=messages),
        pushed(Type.TOOL_START, "t", 2.0, "search", "l", input={"q": 1}),
        pushed(Type.LLM_END, "l", 3.0, "gpt-5-mini", output="ho"),
        pushed(Type.TOOL_END, "t", 2.5, "search", "l", output=[1]),
        pushed(Type.ADAPTER_EVENT, "e", 4.0, "progress", "t", output={"event": "progress"}),
    ]
    records = to_records(steps, session_key=SESSION, trace_id="9" * 32, parent_span_id="8" * 16)
    llm, tool = [record for record in records if isinstance(record, SpanRecord)]
    assert (llm.name, llm.span_kind, llm.parent_span_id) == ("chat gpt-5-mini", 3, "8" * 16)
    said = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    assert json.loads(str(llm.attributes[semconv.GEN_AI_INPUT_MESSAGES])) == said
    assert json.loads(str(llm.attributes[semconv.GEN_AI_OUTPUT_MESSAGES]))[0]["parts"] == [
        {"type": "text", "content": "ho"}
    ]
    assert (tool.name, tool.parent_span_id) == ("execute_tool search", llm.span_id)
    assert tool.attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == "[1]"
    assert (tool.start_ns, tool.end_ns) == (2_000_000_000, 2_500_000_000)
    # What an adapter reports stands on the span of the step around it.
    assert [e.span_id for e in records if isinstance(e, EventRecord)][-1] == tool.span_id
