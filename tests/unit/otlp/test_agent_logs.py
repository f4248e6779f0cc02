"""Events that command-line agents send as log records under no span: sessions with prompt, calls, tools and tokens."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from atlas_otel.calls.model_call import Usage
from atlas_otel.capture.capture import Capture
from atlas_otel.models.rows import SessionRows
from atlas_otel.otlp.logs import decode_logs_json
from atlas_otel.projection.dialects import facts_of, is_understood
from atlas_otel.projection.facts import Facts
from atlas_otel.projection.project import project
from atlas_otel.projection.trace_sessions import implicit_session, is_telling
from atlas_otel.records.record import EventRecord, Record, RecordSet, SpanRecord
from tests.support.stored_sessions import lines

T = 1_700_000_000_000_000_000
CAPTURE = Capture()
Said = tuple[str, dict[str, Any]]

CLAUDE_CODE: list[Said] = [
    ("user_prompt", {"prompt": "Fix it", "prompt_length": "6"}),
    (
        "api_request",
        {"model": "m", "input_tokens": "10", "output_tokens": "5", "cache_read_tokens": "3", "request_id": "r1",
         "cache_creation_tokens": "0", "duration_ms": "1"},
    ),
    ("tool_result", {"tool_name": "Bash", "tool_use_id": "c1", "success": "false", "tool_input": '{"command":"ls"}',
                     "error": "no such file", "duration_ms": "1"}),
    ("api_request", {"model": "m", "input_tokens": 20, "output_tokens": 7, "request_id": "r2", "duration_ms": 1}),
    ("assistant_response", {"response": "Fixed.", "request_id": "r2", "model": "m"}),
]  # fmt: skip
CODEX: list[Said] = [
    ("codex.conversation_starts", {"model": "m", "provider_name": "OpenAI"}),
    ("codex.user_prompt", {"model": "m", "prompt": "Fix it", "prompt_length": "6"}),
    ("codex.sse_event", {"model": "m", "event.kind": "response.output_item.done"}),
    ("codex.sse_event", {"model": "m", "event.kind": "response.completed", "input_token_count": "33",
                         "output_token_count": "12", "cached_token_count": "3", "reasoning_token_count": "2"}),
    ("codex.tool_result", {"tool_name": "Bash", "call_id": "c1", "arguments": '{"command":"ls"}', "success": "false",
                           "output": "no such file", "duration_ms": "1"}),
]  # fmt: skip
GEMINI_CLI: list[Said] = [
    ("gemini_cli.user_prompt", {"prompt": "Fix it", "prompt_length": 6}),
    ("gen_ai.client.inference.operation.details", {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 33}),
    ("gemini_cli.tool_call", {"function_name": "Bash", "function_args": '{"command": "ls"}', "success": False,
                              "error": "no such file", "error.message": "no such file", "duration_ms": 1}),
    ("gemini_cli.api_response", {"model": "m", "input_token_count": 33, "output_token_count": 12, "duration_ms": 1,
                                 "cached_content_token_count": 3, "thoughts_token_count": 2, "total_token_count": 47,
                                 "response_text": "Fixed."}),
]  # fmt: skip
AGENTS = {
    "claude-code": ("com.anthropic.claude_code.events", {"session.id": "s", "prompt.id": "p"}, CLAUDE_CODE),
    "codex": ("codex_otel", {"conversation.id": "s"}, CODEX),
    "gemini-cli": ("gemini-cli", {"session.id": "s", "prompt_id": "p"}, GEMINI_CLI),
}


def request(scope: str, common: dict[str, Any], said: list[Said]) -> bytes:
    logs = []
    for at, (name, attributes) in enumerate(said):
        held = {"event.name": name, **common, **attributes}
        values = [
            {"key": key, "value": {"boolValue" if isinstance(one, bool) else "stringValue" if isinstance(one, str)
             else "intValue": one}} for key, one in held.items()
        ]  # fmt: skip
        logs.append({"timeUnixNano": str(T + at * 10_000_000), "attributes": values, "body": {"stringValue": "x"}})
    return orjson.dumps({"resourceLogs": [{"scopeLogs": [{"scope": {"name": scope}, "logRecords": logs}]}]})


def decoded(agent: str) -> list[Record]:
    return decode_logs_json(request(*AGENTS[agent]), CAPTURE)


def rows_of(records: list[Record]) -> SessionRows:
    (trace_id,) = {record.trace_id for record in records}
    key = implicit_session(trace_id)
    rows = project(RecordSet([record._replace(session_key=key) for record in records]))
    assert rows is not None
    return rows


def of_kind(records: list[Record], kind: str) -> list[Facts]:
    spans = sorted((one for one in records if isinstance(one, SpanRecord)), key=lambda one: one.end_ns or 0)
    return [facts for span in spans if (facts := facts_of(span)).kind == kind]


@pytest.mark.parametrize("agent", AGENTS)
def test_events_under_no_span_are_a_session(agent: str) -> None:
    records = decoded(agent)
    assert any(isinstance(record, SpanRecord) and is_telling(record) for record in records)
    assert all(is_understood(record) for record in records if isinstance(record, SpanRecord))
    rows = rows_of(records)
    assert rows.session.task == "Fix it"
    assert rows.session.metadata["token_usage"]["prompt_tokens"] == 33
    assert rows.session.metadata["token_usage"]["completion_tokens"] == 12
    assert rows.session.final_answer == (None if agent == "codex" else "Fixed.")
    (tool,) = of_kind(records, "tool")
    assert tool.name == "Bash"
    assert tool.input is not None
    assert tool.input.value == {"command": "ls"}
    assert tool.tool_call_id == (None if agent == "gemini-cli" else "c1")
    assert tool.error is not None
    assert tool.error.message == "no such file"
    assert {facts.agent_name for facts in of_kind(records, "agent")} == {agent}
    assert {facts.conversation_id for facts in of_kind(records, "llm")} == {"s"}


@pytest.mark.parametrize("agent", AGENTS)
def test_an_event_s_call_makes_no_empty_message(agent: str) -> None:
    for line in lines("chat", rows_of(decoded(agent))):
        assert all(one.get("content") or one.get("tool_calls") for one in line["messages"])


@pytest.mark.parametrize("agent", AGENTS)
def test_order_and_repetition_change_nothing(agent: str) -> None:
    records = decoded(agent)
    assert decoded(agent) == records
    random.Random(1).shuffle(records)
    assert rows_of([*records, *records]) == rows_of(decoded(agent))


def test_cached_tokens_are_in_the_input() -> None:
    first, second = of_kind(decoded("claude-code"), "llm")
    assert first.usage == Usage(13, 5, None, 3, 0)
    assert second.usage == Usage(20, 7)
    (call,) = of_kind(decoded("gemini-cli"), "llm")
    assert call.usage == Usage(33, 12, 47, 3, None, 2)


def test_what_was_redacted_is_nobody_s_words() -> None:
    said: list[Said] = [
        ("user_prompt", {"prompt": "<REDACTED>"}),
        ("api_request", {"model": "m", "output_tokens": 1, "request_id": "r"}),
        ("assistant_response", {"response": "<REDACTED>", "request_id": "r"}),
    ]
    scope, common, _ = AGENTS["claude-code"]
    records = decode_logs_json(request(scope, common, said), CAPTURE)
    assert not any(isinstance(record, EventRecord) for record in records)
    rows = rows_of(records)
    assert "REDACTED" not in f"{rows.session.task}{rows.session.final_answer}"


def test_anybody_else_s_call_is_kept_and_counted_as_not_understood() -> None:
    held = {"model": "m", "prompt_tokens": 3}
    (span,) = decode_logs_json(request("acme", {"session.id": "s"}, [("acme.call", held)]), CAPTURE)
    assert isinstance(span, SpanRecord)
    assert (span.scope, span.attributes["prompt_tokens"], is_understood(span)) == ("acme", 3, False)
    assert decode_logs_json(request("acme", {}, [("acme.call", held)]), CAPTURE) == []
    assert decode_logs_json(request("acme", {"session.id": "s"}, [("acme.started", {"x": 1})]), CAPTURE) == []
