"""A decorated agent, run as a user runs it, seen in Jaeger: its story reads without opening a tag."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stack.conftest import Collector, Jaeger

AGENT = """
import atlas_otel as atlas

atlas.configure("stack-agent", otlp_endpoint="{endpoint}")


@atlas.tool
def search(query: str) -> list[str]:
    if query == "nothing":
        raise LookupError("no such note")
    return ["first", "second"]


@atlas.llm(model="my-model", provider="my-provider")
def complete(messages: list[dict[str, str]]) -> dict[str, object]:
    return {{"role": "assistant", "content": "done", "usage": {{"input_tokens": 12, "output_tokens": 3}}}}


@atlas.session
def answer(question: str) -> str:
    atlas.set_plan(["Look it up", "Answer"])
    with atlas.step("Look it up", id=1):
        search("otters")
        try:
            search("nothing")
        except LookupError:
            pass
    with atlas.step("Answer", id=2):
        complete([{{"role": "user", "content": "x" * 100_000}}])
        atlas.record_reward(0.5, rationale="fine")
    print(atlas.get_trace_id())
    return "done"


answer("What is there?")
"""


def _attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in span.get("attributes", [])}


@pytest.fixture
def trace(collector: Collector, jaeger: Jaeger, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The agent's spans by name, once Jaeger has all six; tool calls also by what they were asked."""
    program = tmp_path / "agent.py"
    program.write_text(AGENT.format(endpoint=f"http://127.0.0.1:{collector.http_port}"))
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    trace_id = ran.stdout.strip()
    deadline = time.monotonic() + 30
    while len(spans := jaeger.spans(trace_id)) < 6:
        assert time.monotonic() < deadline, [span["name"] for span in spans]
        time.sleep(0.2)
    named = {}
    for span in spans:
        asked = json.loads(_attributes(span).get("gen_ai.tool.call.arguments", "{}")).get("query", "")
        named[f"{span['name']} {asked}".strip()] = span
    return named


def test_the_story_reads_from_the_names_and_their_nesting(trace: dict[str, dict[str, Any]]) -> None:
    parents = {name: span.get("parentSpanId") for name, span in trace.items()}
    root = trace["invoke_agent answer"]["spanId"]
    first, second = trace["step 1: Look it up"]["spanId"], trace["step 2: Answer"]["spanId"]
    assert parents == {
        "invoke_agent answer": parents["invoke_agent answer"],
        "step 1: Look it up": root,
        "step 2: Answer": root,
        "execute_tool search otters": first,
        "execute_tool search nothing": first,
        "chat my-model": second,
    }
    assert not parents["invoke_agent answer"]


def test_the_failed_call_is_an_error_with_its_message(trace: dict[str, dict[str, Any]]) -> None:
    failed = trace["execute_tool search nothing"]
    assert failed["status"] == {"code": 2, "message": "LookupError: no such note"}
    assert "exception" in [event["name"] for event in failed["events"]]
    assert trace["execute_tool search otters"].get("status", {}).get("code", 0) != 2


def test_content_is_readable_json_and_tokens_are_numbers(trace: dict[str, dict[str, Any]]) -> None:
    found = _attributes(trace["execute_tool search otters"])
    assert json.loads(found["gen_ai.tool.call.result"]) == ["first", "second"]
    called = _attributes(trace["chat my-model"])
    assert int(called["gen_ai.usage.input_tokens"]) == 12
    assert called["gen_ai.operation.name"] == "chat"
