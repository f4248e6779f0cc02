"""OpenInference, OpenLLMetry, pydantic-ai's older formats, and messages in events: each read as the same facts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atlas_otel import semconv
from atlas_otel.calls.model_call import Usage
from atlas_otel.projection.dialects import facts_of
from atlas_otel.projection.messages import reasoning_texts
from atlas_otel.records.record import SpanEvent, SpanRecord
from tests.support.records import make_span


def span(attributes: dict[str, Any], *events: tuple[str, dict[str, Any]], scope: str = "x") -> SpanRecord:
    return make_span(
        name="a span",
        span_kind=1,
        attributes=attributes,
        events=tuple(SpanEvent(name, 1, held) for name, held in events),
        scope=scope,
    )


def value(held: Any) -> Any:
    return None if held is None else held.value


def test_openinference_a_model_call() -> None:
    facts = facts_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "m",
                "llm.provider": "azure",
                "llm.system": "openai",
                "llm.input_messages.10.message.role": "tool",
                "llm.input_messages.10.message.tool_call_id": "c",
                "llm.input_messages.10.message.content": "sunny",
                "llm.input_messages.2.message.role": "user",
                "llm.input_messages.2.message.contents.0.message_content.type": "text",
                "llm.input_messages.2.message.contents.0.message_content.text": "What is this?",
                "llm.input_messages.2.message.contents.1.message_content.type": "image",
                "llm.input_messages.2.message.contents.1.message_content.image.image.url": "https://x/y.png",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
                "llm.output_messages.0.message.contents.0.message_content.text": "Hm.",
                "llm.output_messages.0.message.tool_calls.0.tool_call.id": "d",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "look",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"at": 1}',
                "llm.token_count.prompt": 3,
                "llm.token_count.completion": 4,
                "llm.token_count.total": 9,
                "llm.token_count.prompt_details.cache_read": 1,
                "llm.invocation_parameters": '{"temperature": 0}',
                "llm.tools.0.tool.json_schema": '{"name": "look"}',
                "llm.finish_reason": "tool_calls",
                "input.value": "raw",
                "output.value": "raw",
                "session.id": "thread",
                "user.id": "u",
                "tag.tags": ["a"],
                "metadata": '{"k": 1}',
            }
        )
    )
    assert (facts.kind, facts.name, facts.provider, facts.dialect) == ("llm", "m", "azure", "openinference")
    assert value(facts.input_messages) == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "What is this?"},
                {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "sunny"}]},
    ]
    assert value(facts.output_messages) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "tool_call", "id": "d", "name": "look", "arguments": '{"at": 1}'},
            ],
        }
    ]
    assert facts.usage == Usage(3, 4, 9, 1)
    assert (value(facts.input), facts.output) == ({"temperature": 0}, None)
    assert value(facts.tool_definitions) == [{"type": "function", "name": "look"}]
    assert facts.finish_reasons == ("tool_calls",)
    assert (facts.conversation_id, facts.user_id, facts.tags, value(facts.metadata)) == (
        "thread",
        "u",
        ("a",),
        {"k": 1},
    )


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("TOOL", {"tool.name": "t", "input.value": "12", "input.mime_type": "text/plain"}, ("tool", "t", "12", None)),
        ("TOOL", {"tool.name": "t", "input.value": '{"q": 1}', "tool_call.id": "c"}, ("tool", "t", {"q": 1}, None)),
        (
            "TOOL",
            {"tool.name": "t", "output.value": '{"type":"tool","data":{"content":"sunny"}}'},
            ("tool", "t", None, "sunny"),
        ),
        ("agent", {"agent.name": "boss"}, ("agent", "boss", None, None)),
        ("CHAIN", {"output.value": "[1]", "output.mime_type": "application/json"}, ("function", "a span", None, [1])),
        (
            "RETRIEVER",
            {"retrieval.documents.0.document.content": "d", "retrieval.documents.0.document.score": 0.5},
            ("function", "a span", None, [{"content": "d", "score": 0.5}]),
        ),
        ("EMBEDDING", {"embedding.embeddings.0.embedding.text": "e"}, ("function", "a span", ["e"], None)),
        (
            "RERANKER",
            {"reranker.query": "q", "reranker.output_documents.0.document.id": "1"},
            ("function", "a span", "q", [{"id": "1"}]),
        ),
        ("GUARDRAIL", {"input.value": "text"}, ("function", "a span", "text", None)),
        ("LLM", {"llm.prompts.0.prompt.text": "say", "llm.model_name": "m"}, ("llm", "m", None, None)),
    ],
)
def test_openinference_kinds(kind: str, more: dict[str, Any], expected: tuple[Any, ...]) -> None:
    facts = facts_of(span({"openinference.span.kind": kind, **more}))
    assert (facts.kind, facts.name, value(facts.input), value(facts.output)) == expected


def test_openinference_evaluations_are_rewards() -> None:
    facts = facts_of(
        span(
            {
                "openinference.span.kind": "AGENT",
                "evaluations.0.evaluation.name": "right",
                "evaluations.0.evaluation.score": 0.5,
                "evaluations.0.evaluation.explanation": "half",
                "evaluations.1.evaluation.label": "rude",
            }
        )
    )
    assert [(r.name, r.score, r.label, r.rationale) for r in facts.rewards] == [
        ("right", 0.5, None, "half"),
        ("reward", None, "rude", None),
    ]


@pytest.mark.parametrize(
    ("kind", "expected"), [("workflow", "agent"), ("agent", "agent"), ("task", "function"), ("tool", "tool")]
)
def test_openllmetry_kinds(kind: str, expected: str) -> None:
    facts = facts_of(
        span(
            {
                "traceloop.span.kind": kind,
                "traceloop.entity.name": "plan_trip",
                "traceloop.entity.input": '{"args": ["Where to?"], "kwargs": {}}',
                "traceloop.entity.output": '"Rome"',
                "traceloop.association.properties.user_id": "u",
                "traceloop.association.properties.thread_id": "t",
            }
        )
    )
    assert (facts.kind, facts.dialect, value(facts.output), facts.task) == (
        expected,
        "openllmetry",
        "Rome",
        "Where to?",
    )
    assert facts.name == "plan_trip"
    assert (facts.user_id, facts.conversation_id) == ("u", "t")
    assert value(facts.metadata) == {"user_id": "u", "thread_id": "t"}


def test_openllmetry_of_langchain() -> None:
    """What LangChain's callbacks were given stands in an envelope of theirs; a node of a graph is known by its name."""
    given = {"input_str": "{'city': 'Rome'}", "tags": [], "inputs": {"city": "Rome"}, "kwargs": {"tool_call_id": "c"}}
    message = {"lc": 1, "type": "constructor", "id": [], "kwargs": {"content": "sunny", "type": "tool"}}
    tool = {
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": "look",
        "traceloop.entity.input": json.dumps(given),
        "traceloop.entity.output": json.dumps({"output": message, "kwargs": {}}),
    }
    facts = facts_of(span(tool))
    assert (value(facts.input), value(facts.output), facts.tool_call_id) == ({"city": "Rome"}, "sunny", "c")
    given["inputs"] = None
    assert value(facts_of(span({**tool, "traceloop.entity.input": json.dumps(given)})).input) == "{'city': 'Rome'}"
    for own in ({"inputs": [1]}, {"inputs": [1], "more": 2}, {"tags": [], "kwargs": {}}, ["inputs"]):
        assert value(facts_of(span({**tool, "traceloop.entity.input": json.dumps(own)})).input) == own
    node = {"traceloop.span.kind": "task", "traceloop.association.properties.langgraph_node": "agent"}
    operations = [facts_of(span({**node, "traceloop.entity.name": name})).operation for name in ("agent", "further")]
    assert operations == [semconv.OPERATION_GRAPH_NODE, "task"]


def test_openllmetry_s_older_model_calls() -> None:
    facts = facts_of(
        span(
            {
                "llm.request.type": "chat",
                "gen_ai.request.model": "m",
                "llm.usage.total_tokens": 7,
                "gen_ai.prompt.0.content": "Hi",
                "gen_ai.prompt.0.role": "user",
                "gen_ai.completion.0.content": "Ho",
                "gen_ai.completion.0.finish_reason": "stop",
                "llm.request.functions.0.name": "look",
                "llm.request.functions.0.parameters": '{"type": "object"}',
            }
        )
    )
    assert (facts.kind, facts.finish_reasons, facts.usage) == ("llm", ("stop",), Usage(total_tokens=7))
    assert value(facts.output_messages) == [{"role": "assistant", "parts": [{"type": "text", "content": "Ho"}]}]
    assert value(facts.tool_definitions) == [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
    assert facts_of(span({"llm.request.type": "embedding", "gen_ai.request.model": "m"})).kind == "function"


def test_openllmetry_s_older_model_calls_that_thought() -> None:
    """Reasoning beside the answer (openai), or a message of its own (anthropic); content of several parts as JSON."""
    parts = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "u"}}]
    facts = facts_of(
        span(
            {
                "llm.request.type": "chat",
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": json.dumps(parts),
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "[1, 2]",
                "gen_ai.completion.0.role": "thinking",
                "gen_ai.completion.0.content": "Hm.",
                "gen_ai.completion.1.role": "assistant",
                "gen_ai.completion.1.content": "Ho",
                "gen_ai.completion.1.reasoning": "Well.",
            }
        )
    )
    assert value(facts.input_messages) == [
        {
            "role": "user",
            "parts": [{"type": "text", "content": "Hi"}, {"type": "uri", "modality": "image", "uri": "u"}],
        },
        {"role": "user", "parts": [{"type": "text", "content": "[1, 2]"}]},
    ]
    assert value(facts.output_messages) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm.Well."},
                {"type": "text", "content": "Ho"},
            ],
        },
    ]
    assert reasoning_texts(facts.output_messages) == ["Hm.Well."]


def test_messages_in_events() -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    facts = facts_of(
        span(
            {"gen_ai.operation.name": "chat"},
            ("gen_ai.system.message", {"content": "Be brief."}),
            ("gen_ai.user.message", {"content": "Hi"}),
            ("gen_ai.user.message", {"content": '["a", 1]'}),
            ("gen_ai.assistant.message", {"tool_calls": json.dumps(calls)}),
            ("gen_ai.tool.message", {"id": "c", "content": "seen"}),
            ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "Ho"}'}),
        )
    )
    assert value(facts.input_messages) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
        {"role": "user", "parts": [{"type": "text", "content": '["a", 1]'}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "look", "arguments": "{}"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "seen"}]},
    ]
    assert value(facts.output_messages) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Ho"}], "finish_reason": "stop"}
    ]


@pytest.mark.parametrize(
    "event",
    [
        ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role": "user", "content": "Hi"}]'}),
        ("gen_ai.client.inference.operation.details", {"gen_ai.input.messages": '[{"role": "user", "content": "Hi"}]'}),
    ],
)
def test_messages_in_one_event(event: tuple[str, dict[str, Any]]) -> None:
    facts = facts_of(span({"gen_ai.operation.name": "chat"}, event))
    assert value(facts.input_messages) == [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]


def test_pydantic_ai_s_formats() -> None:
    events = [
        {"event.name": "gen_ai.user.message", "role": "user", "content": "Hi"},
        {"event.name": "gen_ai.choice", "message": {"role": "assistant", "content": "Ho"}},
    ]
    scope = "pydantic-ai"
    call = facts_of(span({"gen_ai.operation.name": "chat", "events": json.dumps(events)}, scope=scope))
    assert (value(call.input_messages)[0]["role"], value(call.output_messages)[0]["role"]) == ("user", "assistant")
    tool = facts_of(span({"gen_ai.tool.name": "t", "tool_arguments": '{"a": 1}', "tool_response": "r"}, scope=scope))
    assert (tool.kind, value(tool.input), value(tool.output)) == ("tool", {"a": 1}, "r")
    said = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}, {"role": "assistant", "parts": []}]
    agent = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "a",
        "pydantic_ai.all_messages": json.dumps(said),
        "final_result": '{"city": "Rome"}',
        "gen_ai.usage.input_tokens": 99,
    }
    facts = facts_of(span(agent, scope=scope))
    assert (facts.kind, facts.usage, value(facts.output)) == ("agent", None, {"city": "Rome"})
    assert value(facts.input_messages) == said[:1]
