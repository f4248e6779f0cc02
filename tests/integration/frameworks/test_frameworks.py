"""Frameworks that know nothing of us, unchanged: what they did stands in one line, whole.

The scripted model fails once, calls ``get_weather`` for Paris and for Atlantis, which no tool knows, and then answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)  # the first run makes the environments

TASK = "What is the weather in Paris and in Atlantis?"
ANSWER = "It is sunny in Paris; nobody knows a place called Atlantis."
Run = Callable[..., Any]


def parts(messages: Any, kind: str) -> list[dict[str, Any]]:
    return [part for message in messages for part in message["parts"] if part["type"] == kind]


def check_session(ran: Any, *, calls: int = 2) -> None:
    line = ran.line
    assert (line["task"], line["final_answer"]) == (TASK, ANSWER)
    assert line["session_metadata"]["status"] == "succeeded"
    usage = line["session_metadata"]["token_usage"]
    wanted = {"prompt_tokens": 11 * calls, "completion_tokens": 5 * calls, "total_tokens": 16 * calls, "calls": calls}
    assert {key: usage[key] for key in wanted} == wanted
    assert not any(value for key, value in usage.items() if key not in wanted), "the model's server names no others"


def check_models(ran: Any) -> None:
    """The first two model calls: what was said, called and answered, with tokens."""
    starts, ends = ran.events("LLM_START")[:2], ran.events("LLM_END")[:2]
    first, second = (start["data"]["input"] for start in starts)
    assert TASK in [part["content"] for part in parts(first, "text")]
    called = parts(ends[0]["data"]["output"], "tool_call")
    assert [call["name"] for call in called] == ["get_weather"] * 2
    arguments = [call["arguments"] for call in called]
    assert [json.loads(a) if isinstance(a, str) else a for a in arguments] == [{"city": "Paris"}, {"city": "Atlantis"}]
    assert {part["id"] for part in parts(second, "tool_call_response")} == {"call_0", "call_1"}
    assert [part["content"] for part in parts(ends[1]["data"]["output"], "text")] == [ANSWER]
    for end in ends:
        assert end["metadata"]["model"] == "gpt-test"
        assert (end["usage_info"]["prompt_tokens"], end["usage_info"]["completion_tokens"]) == (11, 5)


def check_tools(ran: Any, *, failed: str | None) -> None:
    ends = {json.dumps(start["data"]["input"]): end for start in ran.events("TOOL_START")
            for end in ran.events("TOOL_END") if end["UUID"] == start["UUID"]}  # fmt: skip
    assert len(ends) == 2
    (paris,), (atlantis,) = ([end for given, end in ends.items() if city in given] for city in ("Paris", "Atlantis"))
    assert paris["name"] == atlantis["name"] == "get_weather"
    assert "sunny" in json.dumps(paris["data"]["output"])
    assert paris["metadata"]["status"] == "succeeded"
    if failed is not None:
        assert atlantis["metadata"]["status"] == "failed"
        assert failed in json.dumps(atlantis["metadata"]["error"])


def test_pydantic_ai(run_framework: Run) -> None:
    ran = run_framework("framework-pydantic-ai", "pydantic_ai_agent.py")
    assert ran.printed == [ANSWER]
    check_session(ran)
    check_models(ran)
    check_tools(ran, failed="no such city: Atlantis")
    assert ran.sent > 0, "over OTLP too"
    (step,) = ran.line["steps"]
    assert "get_weather returned: sunny" in step["trace"]
    assert ran.line["session_metadata"]["agent_name"] == "weather"


@pytest.mark.parametrize("peer", ["framework-openai", "framework-openllmetry"])
def test_the_openai_sdk(run_framework: Run, peer: str) -> None:
    """Its instrumentations see model calls only; what encloses them is a plain span of the program's own."""
    ran = run_framework(peer, "openai_agent.py")
    assert ran.printed == [ANSWER, "refused: 400"]
    assert (ran.line["task"], ran.line["final_answer"]) == (TASK, ANSWER)
    assert len(ran.asked) == 4, "the SDK itself tried again"
    check_models(ran)
    refused = ran.events("LLM_END")[2]
    assert refused["metadata"]["status"] == "failed"
    assert "not this" in refused["metadata"]["error"]["message"]
    assert ran.line["session_metadata"]["token_usage"]["total_tokens"] == 32
    (step,) = ran.line["steps"]
    assert ANSWER in step["trace"]


@pytest.mark.parametrize("peer", ["framework-langgraph", "framework-langgraph-openllmetry"])
def test_langgraph(run_framework: Run, peer: str) -> None:
    ran = run_framework(peer, "langgraph_agent.py")
    assert ran.printed == [ANSWER]
    check_session(ran)
    check_models(ran)
    check_tools(ran, failed="no such city: Atlantis")
    steps = ran.line["steps"]
    assert [step["description"] for step in steps] == ["agent", "tools", "agent"]
    assert "get_weather returned: sunny" in steps[1]["trace"]
    (schema,) = ran.events("LLM_START")[0]["metadata"]["tools_schema"]
    assert schema.get("function", schema)["name"] == "get_weather"
    assert [start["metadata"]["tool_info"]["call_id"] for start in ran.events("TOOL_START")] in (
        [None, None], ["call_0", "call_1"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("peer", "program"),
    [("framework-pydantic-ai-double", "pydantic_ai_agent.py"), ("framework-langgraph-double", "langgraph_service.py")],
)
def test_a_call_that_two_instrumentations_saw_is_one(run_framework: Run, peer: str, program: str) -> None:
    """The framework's own, and one of the openai SDK: beneath it, or beside it as LangChain's spans are not current."""
    ran = run_framework(peer, program)
    assert ran.printed == [ANSWER]
    check_session(ran)
    check_models(ran)
    check_tools(ran, failed="no such city: Atlantis")
    assert len(ran.events("LLM_START")) == len(ran.events("LLM_END")) == 2
    seen_again = [payload for payload in ran.events("FUNCTION_END") if payload["metadata"].get("model") == "gpt-test"]
    assert len(seen_again) == 2, "kept, and no further calls"


@pytest.mark.parametrize("interface", ["", "1"])
def test_openai_agents(run_framework: Run, interface: str) -> None:
    ran = run_framework(
        "framework-openai-agents",
        "openai_agents_agent.py",
        name=f"framework-openai-agents{'-responses' if interface else ''}",
        RESPONSES=interface,
    )
    assert ran.printed == [ANSWER]
    check_session(ran)
    check_models(ran)
    check_tools(ran, failed="Tool execution failed")
    (step,) = ran.line["steps"]
    assert step["description"] == "weather"
    assert ANSWER in step["trace"]


@pytest.mark.parametrize("server", [None, "mcp_http_server.py"], ids=["stdio", "http"])
def test_an_mcp_server_is_in_its_agents_session(run_framework: Run, server: str | None) -> None:
    """The SDK hands the trace's context down in its own messages, from process to process."""
    ran = run_framework(
        "framework-pydantic-ai", "mcp_agent.py", server=server, name=f"framework-mcp{'-http' if server else ''}"
    )
    assert ran.printed == [ANSWER]
    check_session(ran)
    check_models(ran)
    check_tools(ran, failed="Error executing tool get_weather")
    seen_again = [payload for payload in ran.events("FUNCTION_END") if payload["name"] == "get_weather"]
    assert len(seen_again) == 4, "as the client and as the server saw both calls: kept, and no further calls"
    assert len(ran.line["session_metadata"]["trace_ids"]) == 1


def test_opentelemetry_s_own_launcher(run_framework: Run) -> None:
    """No code and no launcher of ours: the named exporter, and beside it the full processor."""
    ran = run_framework(
        "framework-openllmetry", "openai_agent.py", wrapper="opentelemetry-instrument",
        name="framework-launcher", OTEL_TRACES_EXPORTER="otlp,atlas",
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )  # fmt: skip
    assert ran.printed == [ANSWER, "refused: 400"]
    check_models(ran)
    assert len(ran.events("LLM_END")) == 3, "what came through the exporter and the processor is one"
    assert ran.sent > 0
