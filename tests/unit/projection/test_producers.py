"""What each producer writes, in a small shape of its own: the facts of one span, and of the calls in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atlas_otel.calls.model_call import Usage
from atlas_otel.projection.dialects import facts_of, is_understood
from atlas_otel.projection.facts import Facts
from atlas_otel.projection.unread import is_unread
from atlas_otel.records.json_text import JsonText
from atlas_otel.records.record import RANK_ENDED_OTLP, SpanEvent, SpanRecord

HI = [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]
CALL = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": '{"city":"Oslo"}'}
TOOL = {"type": "function", "name": "weather", "description": "d", "parameters": {"type": "object"}}
OPENAI_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}},
}


def span(
    attributes: dict[str, Any], *events: tuple[str, dict[str, Any]], scope: str = "x", name: str = "s"
) -> SpanRecord:
    said = tuple(SpanEvent(event, 1 + at, held) for at, (event, held) in enumerate(events))
    texts = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in attributes.items()}
    return SpanRecord(
        "1" * 32, "2" * 16, None, None, name, None, 0, 1, 2, 0, None, texts, said, (), scope, {}, RANK_ENDED_OTLP, 2
    )


def value(text: JsonText | None) -> Any:
    return text.value if text is not None else None


def said(facts: Facts) -> list[Any]:
    """The parts of the one answer of a call."""
    (message,) = value(facts.output_messages)
    assert message["role"] == "assistant"
    return message["parts"]  # type: ignore[no-any-return]


LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "m",
    "langfuse.observation.input": {"messages": [{"role": "user", "content": "Weather?"}], "tools": [OPENAI_TOOL]},
    "langfuse.observation.output": {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
    "langfuse.observation.usage_details": {"input": 10, "output": 5, "total": 15, "input_cached_tokens": 3},
    "session.id": "s-1",
}
MLFLOW = {
    "mlflow.spanType": '"CHAT_MODEL"',
    "mlflow.spanInputs": {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "tools": [OPENAI_TOOL]},
    "mlflow.spanOutputs": {
        "id": "r",
        "choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]}}],
    },
    "mlflow.chat.tokenUsage": {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "cache_read_input_tokens": 3,
    },
    "mlflow.trace.session": '"s-1"',
}
VERCEL = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.id": "m",
    "ai.prompt.messages": json.dumps([{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}]),
    "ai.prompt.tools": [
        json.dumps({"type": "function", "name": "weather", "description": "d", "inputSchema": {"type": "object"}})
    ],
    "ai.response.toolCalls": json.dumps([{"toolCallId": "c1", "toolName": "weather", "input": '{"city":"Oslo"}'}]),
    "ai.usage.inputTokens": 10,
    "ai.usage.outputTokens": 5,
    "ai.usage.totalTokens": 15,
    "ai.usage.inputTokenDetails.cacheReadTokens": 3,
    "ai.telemetry.metadata.sessionId": "s-1",
}
DECLARED = {"name": "weather", "description": "d", "parameters": {"type": "object"}}
ADK = {
    "gen_ai.system": "gcp.vertex.agent",
    "gen_ai.request.model": "m",
    "gcp.vertex.agent.session_id": "s-1",
    "gcp.vertex.agent.llm_request": {
        "model": "m",
        "config": {"tools": [{"function_declarations": [DECLARED]}]},
        "contents": [{"role": "user", "parts": [{"text": "Weather?"}]}],
    },
    "gcp.vertex.agent.llm_response": {
        "content": {
            "role": "model",
            "parts": [{"function_call": {"id": "c1", "name": "weather", "args": {"city": "Oslo"}}}],
        },
        "usage_metadata": {
            "prompt_token_count": 10,
            "candidates_token_count": 5,
            "total_token_count": 15,
            "cached_content_token_count": 3,
        },
    },
}
HAYSTACK = {
    "haystack.agent.step.llm.input": {
        "messages": [{"role": "user", "meta": {}, "content": [{"text": "Weather?"}]}],
        "tools": [{"type": "haystack.tools.tool.Tool", "data": DECLARED}],
    },
    "haystack.agent.step.llm.output": {
        "replies": [
            {
                "role": "assistant",
                "meta": {
                    "model": "m",
                    "usage": {
                        "prompt_tokens": 10,
                        "completion_tokens": 5,
                        "total_tokens": 15,
                        "prompt_tokens_details": {"cached_tokens": 3},
                    },
                },
                "content": [{"tool_call": {"tool_name": "weather", "arguments": {"city": "Oslo"}, "id": "c1"}}],
            }
        ]
    },
    "session.id": "s-1",
}
LOGFIRE = {
    "logfire.span_type": "span",
    "request_data": {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "tools": [OPENAI_TOOL]},
    "response_data": {
        "message": {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 3},
        },
    },
    "session.id": "s-1",
}
LITELLM = {
    "llm.request.type": "acompletion",
    "gen_ai.operation.name": "acompletion",
    "gen_ai.request.model": "m",
    "gen_ai.input.messages": json.dumps(HI),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [CALL]}]),
    "gen_ai.tool.definitions": json.dumps([OPENAI_TOOL]),
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.usage.total_tokens": 15,
    "gen_ai.usage.cache_read.input_tokens": 3,
    "session.id": "s-1",
}
OPENLLMETRY = {
    "llm.request.type": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": json.dumps([{"type": "text", "text": "Weather?"}]),
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": json.dumps(
        [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}}]
    ),
    "gen_ai.completion.0.tool_calls.0.id": "c1",
    "gen_ai.completion.0.tool_calls.0.name": "weather",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"city":"Oslo"}',
    "llm.request.functions.0.name": "weather",
    "llm.request.functions.0.description": "d",
    "llm.request.functions.0.input_schema": {"type": "object"},
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "llm.usage.total_tokens": 15,
    "gen_ai.usage.cache_read_input_tokens": 3,
    "session.id": "s-1",
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "m",
    "input.mime_type": "application/json",
    "input.value": {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "tools": [OPENAI_TOOL]},
    "output.value": {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]}}]},
    "llm.token_count.prompt": 10,
    "llm.token_count.completion": 5,
    "llm.token_count.total": 15,
    "llm.token_count.prompt_details.cache_read": 3,
    "session.id": "s-1",
}


CALLS = {
    "Langfuse": (LANGFUSE, "langfuse", "s"),
    "MLflow": (MLFLOW, "mlflow", "s"),
    "Vercel AI SDK": (VERCEL, "vercel-ai", "s"),
    "Google ADK": (ADK, "google-adk", "s"),
    "Haystack": (HAYSTACK, "haystack", "haystack.agent.step.llm"),
    "Logfire": (LOGFIRE, "logfire", "s"),
    "LiteLLM": (LITELLM, "genai", "s"),
    "OpenLLMetry": (OPENLLMETRY, "genai", "s"),
    "OpenInference": (OPENINFERENCE, "openinference", "s"),
}


@pytest.mark.parametrize(("attributes", "dialect", "name"), CALLS.values(), ids=CALLS)
def test_one_model_call_is_the_same_whoever_wrote_it(attributes: dict[str, Any], dialect: str, name: str) -> None:
    facts = facts_of(span(attributes, name=name))
    assert (facts.kind, facts.dialect, facts.model, facts.conversation_id) == ("llm", dialect, "m", "s-1")
    assert value(facts.input_messages) == HI
    assert said(facts) == [CALL]
    assert value(facts.tool_definitions) == [TOOL]
    assert facts.usage == Usage(10, 5, 15, 3)


TOOLS: dict[str, tuple[SpanRecord, str, str | None]] = {
    "Langfuse": (
        span(
            {
                "langfuse.observation.type": "tool",
                "langfuse.observation.input": {"city": "Oslo"},
                "langfuse.observation.output": "4 degrees",
            },
            name="weather",
        ),
        "weather",
        None,
    ),
    "MLflow": (
        span(
            {"mlflow.spanType": "TOOL", "mlflow.spanInputs": {"city": "Oslo"}, "mlflow.spanOutputs": '"4 degrees"'},
            name="weather",
        ),
        "weather",
        None,
    ),
    "Vercel AI SDK": (
        span(
            {
                "ai.operationId": "ai.toolCall",
                "ai.toolCall.name": "weather",
                "ai.toolCall.id": "c1",
                "ai.toolCall.args": {"city": "Oslo"},
                "ai.toolCall.result": '"4 degrees"',
            }
        ),
        "weather",
        "c1",
    ),
    "Google ADK": (
        span(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "weather",
                "gen_ai.tool.call.id": "c1",
                "gcp.vertex.agent.tool_call_args": {"city": "Oslo"},
                "gcp.vertex.agent.tool_response": '"4 degrees"',
                "gcp.vertex.agent.llm_request": "{}",
            },
            scope="gcp.vertex.agent",
        ),
        "weather",
        "c1",
    ),
    "Haystack": (
        span(
            {
                "haystack.tool.name": "weather",
                "haystack.agent.step.tool.input": {"city": "Oslo"},
                "haystack.agent.step.tool.output": "4 degrees",
            },
            name="haystack.agent.step.tool",
        ),
        "weather",
        None,
    ),
    "Spring AI": (
        span(
            {
                "spring.ai.kind": "tool_call",
                "gen_ai.operation.name": "framework",
                "spring.ai.tool.definition.name": "weather",
                "spring.ai.tool.call.arguments": {"city": "Oslo"},
                "spring.ai.tool.call.result": '"4 degrees"',
            }
        ),
        "weather",
        None,
    ),
    "LangChain4j (Quarkus)": (
        span(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "weather",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": "c1",
                "gen_ai.tool.call.arguments": {"city": "Oslo"},
                "gen_ai.tool.call.result": "4 degrees",
            },
            scope="io.quarkus.opentelemetry",
            name="langchain4j.tools.weather",
        ),
        "weather",
        "c1",
    ),
    "Claude Code": (
        span(
            {"span.type": "tool", "tool_name": "weather", "tool_input": {"city": "Oslo"}, "tool_use_id": "c1"},
            ("tool.output", {"output": "4 degrees"}),
            scope="com.anthropic.claude_code.tracing",
        ),
        "weather",
        "c1",
    ),
    "Gemini CLI": (
        span(
            {
                "gen_ai.operation.name": "tool_call",
                "gen_ai.agent.name": "gemini-cli",
                "gen_ai.tool.name": "weather",
                "gen_ai.tool.call_id": "c1",
                "gen_ai.input.messages": {"city": "Oslo"},
                "gen_ai.output.messages": '"4 degrees"',
            },
            scope="gemini-cli",
        ),
        "weather",
        "c1",
    ),
    "Strands": (
        span(
            {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.call.id": "c1"},
            ("gen_ai.tool.message", {"role": "tool", "content": '{"city": "Oslo"}', "id": "c1"}),
            ("gen_ai.choice", {"message": '[{"text": "4 degrees"}]', "id": "c1"}),
            scope="strands.telemetry.tracer",
        ),
        "weather",
        "c1",
    ),
    "Strands, latest conventions": (
        span(
            {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.call.id": "c1"},
            (
                "gen_ai.client.inference.operation.details",
                {
                    "gen_ai.input.messages": json.dumps(
                        [
                            {
                                "role": "tool",
                                "parts": [
                                    {"type": "tool_call", "name": "weather", "id": "c1", "arguments": {"city": "Oslo"}}
                                ],
                            }
                        ]
                    )
                },
            ),
            (
                "gen_ai.client.inference.operation.details",
                {
                    "gen_ai.output.messages": json.dumps(
                        [
                            {
                                "role": "tool",
                                "parts": [
                                    {"type": "tool_call_response", "id": "c1", "response": [{"text": "4 degrees"}]}
                                ],
                            }
                        ]
                    )
                },
            ),
            scope="strands.telemetry.tracer",
        ),
        "weather",
        "c1",
    ),
}


@pytest.mark.parametrize(("record", "name", "call_id"), TOOLS.values(), ids=TOOLS)
def test_one_tool_call_is_the_same_whoever_wrote_it(record: SpanRecord, name: str, call_id: str | None) -> None:
    facts = facts_of(record)
    assert (facts.kind, facts.name, facts.tool_call_id) == ("tool", name, call_id)
    assert (value(facts.input), value(facts.output)) == ({"city": "Oslo"}, "4 degrees")


AGENTS = {
    "Langfuse": (span({"langfuse.observation.type": "agent", "langfuse.session.id": "c"}, name="boss"), "boss", "c"),
    "MLflow": (span({"mlflow.spanType": '"AGENT"', "mlflow.trace.session": "c"}, name="boss"), "boss", "c"),
    "Vercel AI SDK": (
        span(
            {
                "ai.operationId": "ai.streamText",
                "ai.telemetry.functionId": "boss",
                "ai.telemetry.metadata.threadId": "c",
            }
        ),
        "boss",
        "c",
    ),
    "Google ADK": (
        span(
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "boss", "gen_ai.conversation.id": "c"},
            scope="gcp.vertex.agent",
        ),
        "boss",
        "c",
    ),
    "Claude Code": (
        span(
            {"span.type": "interaction", "user_prompt": "p", "session.id": "c"},
            scope="com.anthropic.claude_code.tracing",
        ),
        "claude-code",
        "c",
    ),
    "Gemini CLI": (
        span(
            {"gen_ai.operation.name": "user_prompt", "gen_ai.agent.name": "gemini-cli", "gen_ai.conversation.id": "c"},
            scope="gemini-cli",
        ),
        "gemini-cli",
        "c",
    ),
    "OpenInference": (
        span({"openinference.span.kind": "AGENT", "graph.node.id": "boss", "session.id": "c"}),
        "boss",
        "c",
    ),
}


@pytest.mark.parametrize(("record", "agent", "conversation"), AGENTS.values(), ids=AGENTS)
def test_agents(record: SpanRecord, agent: str, conversation: str) -> None:
    facts = facts_of(record)
    assert (facts.kind, facts.agent_name, facts.conversation_id) == ("agent", agent, conversation)


def test_what_azure_and_semantic_kernel_put_into_one_text() -> None:
    body = {"message": {"content": "", "tool_calls": [OPENAI_CALL]}, "finish_reason": "tool_calls"}
    facts = facts_of(
        span(
            {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
            ("gen_ai.user.message", {"gen_ai.event.content": '{"role": "user", "content": "Weather?"}'}),
            ("gen_ai.choice", {"gen_ai.event.content": json.dumps(body)}),
        )
    )
    assert value(facts.input_messages) == HI
    assert [part for part in said(facts) if part["type"] == "tool_call"] == [CALL]


def test_prompt_and_completion_as_plain_texts() -> None:
    """As many a service of one's own writes them, and JVM's integrations with content switched on."""
    facts = facts_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "m",
                "gen_ai.prompt": "Weather?",
                "gen_ai.completion": '{"degrees": 4}',
            }
        )
    )
    assert value(facts.input_messages) == HI
    assert said(facts) == [{"type": "text", "content": '{"degrees": 4}'}]


def test_a_pending_span_is_the_span_itself_once_more() -> None:
    facts = facts_of(span({"logfire.span_type": "pending_span", "gen_ai.operation.name": "chat"}))
    assert facts.kind == "function"


def test_claude_code_counts_cached_tokens_beside_its_input() -> None:
    counts = {"input_tokens": 10, "output_tokens": 20, "cache_read_tokens": 900, "cache_creation_tokens": 50}
    record = span({"span.type": "llm_request", "model": "m", **counts}, scope="com.anthropic.claude_code.tracing")
    assert facts_of(record).usage == Usage(960, 20, None, 900, 50)


@pytest.mark.parametrize(
    ("total", "expected"),
    [(1000, 995), (515, 510), (None, 510), (700, 510)],
    ids=["beside", "within", "unsaid", "neither"],
)
def test_the_total_tells_whether_cached_tokens_are_in_the_input(total: int | None, expected: int) -> None:
    counts = {"input_tokens": 510, "output_tokens": 5, "cache_read.input_tokens": 485, "total_tokens": total}
    named = {f"gen_ai.usage.{key}": number for key, number in counts.items() if number is not None}
    usage = facts_of(span({"gen_ai.operation.name": "chat", **named})).usage
    assert usage is not None
    assert usage.input_tokens == expected


@pytest.mark.parametrize("total", [1000, 15, None])
def test_more_cached_tokens_than_input_were_counted_beside_it(total: int | None) -> None:
    counts = {"input_tokens": 10, "output_tokens": 5, "cache_read.input_tokens": 985, "total_tokens": total}
    named = {f"gen_ai.usage.{key}": number for key, number in counts.items() if number is not None}
    usage = facts_of(span({"gen_ai.operation.name": "chat", **named})).usage
    assert usage is not None
    assert usage.input_tokens == 995


@pytest.mark.parametrize("operation", ["acompletion", "aresponses", "anthropic_messages", "generate", "message"])
def test_a_call_is_known_by_what_it_holds(operation: str) -> None:
    held = {"gen_ai.operation.name": operation, "gen_ai.request.model": "m", "gen_ai.usage.output_tokens": 1}
    assert facts_of(span(held)).kind == "llm"


@pytest.mark.parametrize("operation", ["aembedding", "embeddings", "arerank", "aimage_generation", "atranscription"])
def test_what_is_none_of_a_chat_model_is_a_function(operation: str) -> None:
    held = {"gen_ai.operation.name": operation, "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1}
    assert facts_of(span(held)).kind == "function"


def test_what_no_dialect_knows_is_said() -> None:
    unknown = {"acme.model": "m", "acme.prompt_tokens": 3, "acme.messages": "[]"}
    assert is_unread(unknown)
    assert not is_understood(span(unknown))
    assert not is_unread({"http.route": "/models", "db.statement": "SELECT model"})
    assert is_understood(span({"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1}))


VERSIONS = {
    "Langfuse": "langfuse 5.0",
    "MLflow": "mlflow 3.17",
    "Vercel AI SDK": "ai 6, @ai-sdk/otel 1.0 (legacy spans)",
    "Google ADK": "google-adk 2.13",
    "Haystack": "haystack-ai 3.4, with content tracing",
    "Logfire": "logfire 5.4",
    "LiteLLM": "litellm 1.110",
    "OpenLLMetry": "instrumentations 0.62",
    "OpenInference": "instrumentations of November 2026",
    "LangChain4j (Quarkus)": "quarkus-langchain4j, its sources of 2026, with tools' content switched on",
    "Spring AI": "spring-ai 2.0, with content switched on",
    "Claude Code": "its traces (beta)",
    "Gemini CLI": "@google/gemini-cli-core 0.61",
    "Strands": "strands-agents 1.62",
    "Strands, latest conventions": "strands-agents 1.62",
}
"""Of which release names and forms were taken."""


def table() -> str:
    """The table of the page: what a test here checks of each producer."""
    lines = [
        "| producer | names and forms of | model calls | tool calls | agents, conversations |",
        "|---|---|---|---|---|",
    ]
    for name, version in VERSIONS.items():
        marks = " | ".join("yes" if name in checked else "" for checked in (CALLS, TOOLS, AGENTS))
        lines.append(f"| {name} | {version} | {marks} |")
    return "\n".join(lines)


def test_the_page_has_the_table_of_these_tests() -> None:
    page = (Path(__file__).parents[3] / "docs" / "frameworks.md").read_text(encoding="utf-8")
    assert {*CALLS, *TOOLS, *AGENTS} == set(VERSIONS)
    assert table() in page, f"put this into docs/frameworks.md:\n{table()}"
