"""Spans that real frameworks wrote (``tests/recorded/frameworks``), read and projected without them."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from atlas_otel.models.rows import SessionRows
from atlas_otel.projection.dialects import facts_of
from atlas_otel.projection.fold import SessionFold
from atlas_otel.projection.project import project
from atlas_otel.records.record import RecordSet, SpanRecord, decode_record

FOLDER = Path(__file__).parents[2] / "recorded" / "frameworks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
TASK = "What is the weather in Paris and in Atlantis?"
ANSWER = "It is sunny in Paris; nobody knows a place called Atlantis."


def spans_of(name: str) -> list[SpanRecord]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    records = [decode_record(line) for line in lines]
    return [record for record in records if isinstance(record, SpanRecord)]


def rows_of(name: str) -> SessionRows:
    rows = project(RecordSet(spans_of(name)))
    assert rows is not None
    return rows


def payloads(rows: SessionRows, event_type: str) -> list[dict[str, Any]]:
    found = [json.loads(event.event)["payload"] for event in rows.events]
    return [payload for payload in found if payload["event_type"] == event_type]


EXPECTED = {
    "langgraph": ({"openinference"}, 2, 2, ["agent", "tools", "agent"]),
    "langgraph-double": ({"openinference", "genai", "none"}, 2, 2, ["agent", "tools", "agent"]),
    "langgraph-openllmetry": ({"openllmetry", "genai"}, 2, 2, ["agent", "tools", "agent"]),
    "mcp-http": ({"pydantic-ai", "genai", "none"}, 2, 2, [TASK]),
    "mcp": ({"pydantic-ai", "genai", "none"}, 2, 2, [TASK]),
    "openai": ({"genai", "none"}, 3, 0, [TASK]),
    "openai-agents": ({"openinference"}, 2, 2, ["weather"]),
    "openai-agents-responses": ({"openinference"}, 2, 2, ["weather"]),
    "openllmetry": ({"genai", "none"}, 3, 0, [TASK]),
    "pydantic-ai-double": ({"pydantic-ai", "genai"}, 2, 2, [TASK]),
    "pydantic-ai": ({"pydantic-ai"}, 2, 2, [TASK]),
}


def test_each_framework_is_recorded() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_line_holds_what_happened(name: str) -> None:
    dialects, models, tools, steps = EXPECTED[name]
    assert {facts_of(span).dialect for span in spans_of(name)} == dialects
    rows = rows_of(name)
    assert (rows.session.task, rows.session.final_answer) == (TASK, ANSWER)
    counts = Counter(json.loads(event.event)["payload"]["event_type"] for event in rows.events)
    assert (counts["LLM_START"], counts["LLM_END"]) == (models, models)
    assert (counts["TOOL_START"], counts["TOOL_END"]) == (tools, tools)
    planned = rows.plan["steps"]
    assert isinstance(planned, list)
    assert [step["description"] for step in planned if isinstance(step, dict)] == steps
    usage = rows.session.metadata["token_usage"]
    assert isinstance(usage, dict)
    totals = {"prompt_tokens": 22, "completion_tokens": 10, "total_tokens": 32, "calls": models}
    assert {key: usage[key] for key in totals} == totals
    told = "\n".join(step.trace for step in rows.steps)
    assert TASK in told
    assert ANSWER in told


@pytest.mark.parametrize("name", NAMES)
def test_model_calls_have_messages_in_one_form(name: str) -> None:
    rows = rows_of(name)
    first, second = payloads(rows, "LLM_END")[:2]
    calls = [part for message in first["data"]["output"] for part in message["parts"] if part["type"] == "tool_call"]
    assert [(call["name"], call["id"]) for call in calls] == [("get_weather", "call_0"), ("get_weather", "call_1")]
    assert {"type": "text", "content": ANSWER} in second["data"]["output"][0]["parts"]
    answered = payloads(rows, "LLM_START")[1]["data"]["input"]
    responses = [part for message in answered for part in message["parts"] if part["type"] == "tool_call_response"]
    assert [response["id"] for response in responses] == ["call_0", "call_1"]


@pytest.mark.parametrize("name", NAMES)
def test_order_and_batches_change_nothing(name: str) -> None:
    whole, spans = rows_of(name), spans_of(name)
    for seed in range(5):
        random.Random(seed).shuffle(spans)
        fold = SessionFold()
        for span in [*spans, *spans[:3]]:
            fold.add(span)
            fold.rows()
        assert fold.rows() == whole
