"""Steps → records → steps is the identity, and the spans in between read like decorated ones."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import SpanKind

from atlas_otel import semconv
from atlas_otel.models.intermediate_step import (
    IntermediateStep,
    IntermediateStepType,
    UsageInfo,
)
from atlas_otel.records.record import decode_record, encode_record
from tests.support.pushed_steps import plain, plain_steps, pushed, pushed_steps, record, streams

Type = IntermediateStepType

# More of them for a long run: ATLAS_OTEL_EXAMPLES=10000.
EXAMPLES = int(os.environ.get("ATLAS_OTEL_EXAMPLES", "100"))
relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=EXAMPLES)


@relaxed
@given(streams)
def test_steps_come_back_as_they_were_pushed(steps: list[IntermediateStep]) -> None:
    assert plain_steps(record(steps, session="t").all) == plain(steps)


@relaxed
@given(streams, st.data())
def test_and_so_they_do_after_travelling_in_pieces(steps: list[IntermediateStep], data: st.DataObject) -> None:
    records = [decode_record(encode_record(one)) for one in record(steps, session="t").all]
    shuffled = data.draw(st.permutations(records + records[:3]))
    assert plain_steps(shuffled) == plain(steps)


@relaxed
@given(streams)
def test_the_trajectory_of_a_stream_is_the_stream(steps: list[IntermediateStep]) -> None:
    """Nothing is made up for a span that a pushed step opened: beside it stands the session's own span alone."""
    recorded = record(steps, session="t")
    (own,) = [span.span_id for span in recorded.spans if span.kind == "session"]
    events = [IntermediateStep.model_validate_json(event.event) for event in recorded.rows().events]
    assert plain(one for one in events if own != one.payload.UUID) == plain(steps)


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
    recorded = record(steps, session="t")
    assert [one.anomaly for one in pushed_steps(recorded.all)] == anomalies
    rows = recorded.rows()
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
    rows = record(steps).rows()
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
    recorded = record(steps, session="t")
    llm, tool, session = recorded.spans
    assert (llm.name, llm.span_kind, llm.parent_span_id) == ("chat gpt-5-mini", SpanKind.CLIENT.value, session.span_id)
    said = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    assert json.loads(str(llm.attributes[semconv.GEN_AI_INPUT_MESSAGES])) == said
    assert json.loads(str(llm.attributes[semconv.GEN_AI_OUTPUT_MESSAGES]))[0]["parts"] == [
        {"type": "text", "content": "ho"}
    ]
    assert (tool.name, tool.parent_span_id) == ("execute_tool search", llm.span_id)
    assert tool.attributes[semconv.GEN_AI_TOOL_CALL_RESULT] == "[1]"
    assert (tool.start_ns, tool.end_ns) == (2_000_000_000, 2_500_000_000)
    # What an adapter reports stands on the span of the step around it.
    assert recorded.events[-1].span_id == tool.span_id
