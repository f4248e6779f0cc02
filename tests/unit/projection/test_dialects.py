"""What instrumentations write, read as facts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.calls.model_call import Usage
from atlas_otel.projection.dialects import facts_of
from atlas_otel.projection.facts import Failure
from atlas_otel.records.record import RANK_ENDED, SpanEvent, SpanRecord


def span(attributes: dict[str, Any], *, kind: str | None = None, name: str = "a span", **more: Any) -> SpanRecord:
    fields: dict[str, Any] = {
        "trace_id": "1" * 32, "span_id": "2" * 16, "parent_span_id": None, "session_key": None, "name": name,
        "kind": kind, "span_kind": 1, "start_ns": 1, "end_ns": 2, "status": 0, "status_message": None,
        "attributes": attributes, "events": (), "links": (), "scope": "x", "resource": {}, "rank": RANK_ENDED,
        "version": 1,
    }  # fmt: skip
    return SpanRecord(**{**fields, **more})


def test_a_tool_of_ours() -> None:
    facts = facts_of(
        span(
            {
                semconv.ATLAS_KIND: "tool",
                semconv.ATLAS_NAME: "search",
                semconv.GEN_AI_TOOL_NAME: "search_web",
                semconv.GEN_AI_TOOL_CALL_ARGUMENTS: '{"q": 1}',
                semconv.GEN_AI_TOOL_CALL_RESULT: "[2]",
                semconv.ATLAS_INPUT: '"not this"',
                semconv.ATLAS_STEP_ID: "3",
                semconv.ATLAS_STEP_ATTEMPT: 2,
                semconv.ATLAS_TAGS: ["a", "b"],
            },
            name="execute_tool search_web",
        )
    )
    assert (facts.kind, facts.name, facts.dialect) == ("tool", "search_web", "atlas")
    assert facts.input is not None
    assert facts.output is not None
    assert (facts.input.value, facts.output.value) == ({"q": 1}, [2])
    assert (facts.step_id, facts.step_attempt, facts.tags) == (3, 2, ("a", "b"))


def test_a_model_call_of_ours() -> None:
    facts = facts_of(
        span(
            {
                semconv.GEN_AI_RESPONSE_MODEL: "m-2",
                semconv.GEN_AI_USAGE_INPUT_TOKENS: 3,
                semconv.GEN_AI_USAGE_OUTPUT_TOKENS: 4,
                semconv.GEN_AI_RESPONSE_FINISH_REASONS: ["stop"],
                semconv.ATLAS_STREAM_CHUNKS: 7,
                semconv.ATLAS_STREAM_INCOMPLETE: True,
            },
            kind="llm",
        )
    )
    assert (facts.kind, facts.name, facts.model) == ("llm", "m-2", "m-2")
    assert facts.usage == Usage(3, 4)
    assert facts.usage.total == 7
    assert (facts.finish_reasons, facts.stream_chunks, facts.stream_incomplete) == (("stop",), 7, True)


@pytest.mark.parametrize(
    ("attributes", "kind", "name"),
    [
        ({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, "llm", "m"),
        ({"gen_ai.operation.name": "text_completion"}, "llm", "a span"),
        ({"gen_ai.operation.name": "generate_content", "gen_ai.response.model": "r"}, "llm", "r"),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}, "tool", "t"),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}, "agent", "a"),
        ({"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "w"}, "agent", "w"),
        ({"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "m"}, "function", "a span"),
        ({"gen_ai.operation.name": "create_agent", "gen_ai.agent.name": "a"}, "function", "a span"),
        ({"gen_ai.operation.name": "something_new"}, "function", "a span"),
        ({"gen_ai.system": "openai", "gen_ai.request.model": "m"}, "llm", "m"),
        ({"gen_ai.tool.name": "t"}, "tool", "t"),
        ({"gen_ai.agent.name": "a"}, "agent", "a"),
    ],
)
def test_the_genai_conventions(attributes: dict[str, Any], kind: str, name: str) -> None:
    facts = facts_of(span(attributes))
    assert (facts.kind, facts.name, facts.dialect) == (kind, name, "genai")


def test_older_names_of_the_conventions() -> None:
    facts = facts_of(
        span(
            {
                "gen_ai.system": "openai",
                "gen_ai.request.model": "m",
                "gen_ai.usage.prompt_tokens": "5",
                "gen_ai.usage.completion_tokens": 6.0,
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "Be brief.",
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "Hi",
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.tool_calls.0.name": "look",
                "gen_ai.completion.0.tool_calls.0.arguments": "{}",
            }
        )
    )
    assert facts.provider == "openai"
    assert facts.usage == Usage(5, 6)
    assert facts.input_messages is not None
    assert facts.output_messages is not None
    assert facts.input_messages.value == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
    ]
    assert facts.output_messages.value == [
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "look", "arguments": "{}"}]}
    ]


@pytest.mark.parametrize(
    ("read", "written", "reasoning"),
    [
        (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.reasoning.output_tokens",
        ),
        (
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.reasoning_tokens",
        ),
        (
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "llm.usage.reasoning_tokens",
        ),
        (
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ),
    ],
)
def test_tokens_of_caches_and_reasoning_by_every_name(read: str, written: str, reasoning: str) -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, read: 1, written: 2, reasoning: 3}
    assert facts_of(span(said)).usage == Usage(9, cached_tokens=1, cache_write_tokens=2, reasoning_tokens=3)


@pytest.mark.parametrize(
    ("name", "value", "reasons"),
    [
        ("gen_ai.response.finish_reasons", ["stop", "length"], ("stop", "length")),
        # As a store without lists gives them back: Jaeger's.
        ("gen_ai.response.finish_reasons", '["stop", "length"]', ("stop", "length")),
        ("gen_ai.response.finish_reasons", "[stop", ("[stop",)),
        ("gen_ai.response.finish_reasons", "[1]", ("[1]",)),
        ("gen_ai.response.finish_reasons", "[]", ()),
        ("gen_ai.response.finish_reason", "stop", ("stop",)),
        ("gen_ai.response.stop_reason", "end_turn", ("end_turn",)),
        ("llm.response.finish_reason", "stop", ("stop",)),
        ("llm.response.stop_reason", "end_turn", ("end_turn",)),
    ],
)
def test_finish_reasons_by_every_name(name: str, value: Any, reasons: tuple[str, ...]) -> None:
    assert facts_of(span({"gen_ai.operation.name": "chat", name: value})).finish_reasons == reasons


def test_what_no_dialect_knows_is_a_function() -> None:
    facts = facts_of(span({"http.method": "GET"}, name="GET /"))
    assert (facts.kind, facts.name, facts.dialect, facts.input) == ("function", "GET /", "none", None)


def test_messages_that_are_structured_attributes() -> None:
    """Newer SDKs allow lists and mappings as attributes."""
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    facts = facts_of(span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": messages}))
    assert facts.input_messages is not None
    assert facts.input_messages.value == messages


@pytest.mark.parametrize(
    ("more", "failure"),
    [
        ({}, None),
        ({"status": 2}, Failure("error")),
        ({"status": 2, "status_message": "it broke"}, Failure("error", "it broke")),
        ({"status": 2, "status_message": "ValueError: no: really"}, Failure("ValueError", "no: really")),
        (
            {"status": 2, "status_message": "Timeout: slow", "attributes": {"error.type": "lib.Timeout"}},
            Failure("lib.Timeout", "slow"),
        ),
        ({"attributes": {"error.type": "500"}}, Failure("500")),
        (
            {
                "status": 2,
                "events": (
                    SpanEvent("exception", 1, {"exception.type": "A", "exception.message": "handled"}),
                    SpanEvent(
                        "exception", 2, {"exception.type": "B", "exception.message": "m", "exception.stacktrace": "s"}
                    ),
                ),
            },
            Failure("B", "m", "s"),
        ),
        (
            {"events": (SpanEvent("exception", 1, {"exception.type": "A", "exception.message": "handled"}),)},
            None,
        ),
    ],
)
def test_failures(more: dict[str, Any], failure: Failure | None) -> None:
    attributes = more.pop("attributes", {})
    assert facts_of(span(attributes, kind="tool", **more)).error == failure


_KEYS = sorted({value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)})
_SPREAD = [
    f"{head}.{tail}"
    for head in ("gen_ai.prompt", "gen_ai.completion", "llm.input_messages", "llm.output_messages", "llm.tools",
                 "llm.prompts", "llm.choices", "llm.request.functions", "evaluations", "retrieval.documents")
    for tail in ("0", "0.role", "0.message", "0.message.tool_calls.1.tool_call.id", "1.message.contents.0", "x.y",
                 "0.message.contents.0.message_content.image.image.url", "2.tool.json_schema", "0.evaluation.score",
                 "0.evaluation.name", "0.prompt", "0.completion", "0.tool_calls.0.name", ".".join("0" * 3000))
]  # fmt: skip
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=4), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text(max_size=2)),
    st.sampled_from(["{", '{"a": 1}', "[1", "null", *semconv.KINDS, "chat", "execute_tool"]),
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from([*_KEYS, *_SPREAD]), _VALUES, max_size=12),
    st.sampled_from([semconv.EVENT_REWARD, "gen_ai.choice", "gen_ai.user.message", "gen_ai.content.prompt"]),
    st.sampled_from(["x", semconv.PYDANTIC_AI_SCOPE]),
)
def test_no_attribute_makes_a_dialect_raise(attributes: dict[str, Any], event: str, scope: str) -> None:
    facts = facts_of(span(attributes, events=(SpanEvent(event, 1, attributes),), scope=scope))
    assert isinstance(facts.name, str)
    for held in (facts.input, facts.output, facts.input_messages, facts.metadata):
        if held is not None:
            json.dumps(held.value)
            assert isinstance(held.plain, str)
