"""Model calls that are awkward to read, each carried by several producers: nothing is invented, emptied or lost.

Each text that was said bears a mark, ``<<n>>``. All marks come out in the ``chat`` line, or the line says that it is
not all; and whatever a line says was said.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from atlas_otel.projection.project import project
from atlas_otel.records.record import RANK_ENDED_OTLP, RecordSet, SpanRecord
from atlas_otel_exporters.training.options import RowOptions
from tests.support.stored_sessions import lines

Json = dict[str, Any]
MARK = re.compile(r"<<\d+>>")
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}


def call(number: int, **more: Any) -> Json:
    function = {"name": "f", "arguments": f'{{"q":"<<{number}>>"}}'}
    return {"id": f"c{number}", "type": "function", "function": function, **more}


def deep(depth: int, inside: Any) -> Any:
    for _ in range(depth):
        inside = [inside]
    return inside


USER = {"role": "user", "content": "<<1>>"}
ANSWER = {"role": "assistant", "content": "<<9>>"}
PNG = "iVBORw0KGgo="

# What a call was given, and what it answered.
CASES: dict[str, tuple[list[Json], Json]] = {
    "half an emoji": ([{"role": "user", "content": "<<1>> \ud83d <<2>>"}], ANSWER),
    "an escaped NUL": ([{"role": "user", "content": "<<1>> \x00 <<2>>"}], ANSWER),
    "NUL in a tool's result": (
        [USER, {"role": "assistant", "content": None, "tool_calls": [call(2)]},
         {"role": "tool", "tool_call_id": "c2", "content": "\x00<<3>>\x00"}], ANSWER),
    "NaN and Infinity in a result": (
        [USER, {"role": "assistant", "content": None, "tool_calls": [call(2)]},
         {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "<<3>>"}],
          "score": float("nan"), "best": float("inf")}], ANSWER),
    "a result 900 deep": (
        [USER, {"role": "assistant", "content": "", "tool_calls": [call(2)]},
         {"role": "tool", "tool_call_id": "c2", "content": json.dumps(deep(900, "<<3>>"))}], ANSWER),
    "parallel calls, answered out of order": (
        [USER, {"role": "assistant", "content": "<<2>>", "tool_calls": [call(3), call(4), call(5)]},
         {"role": "tool", "tool_call_id": "c5", "content": "<<6>>"},
         {"role": "tool", "tool_call_id": "c3", "content": "<<7>>"},
         {"role": "tool", "tool_call_id": "c4", "content": "<<8>>"}], ANSWER),
    "the old function_call": (
        [USER, {"role": "assistant", "content": None,
                "function_call": {"name": "f", "arguments": '{"q": "<<2>>"}'}},
         {"role": "function", "name": "f", "content": "<<3>>"}], ANSWER),
    "tools' messages with names": (
        [USER, {"role": "assistant", "content": None, "tool_calls": [call(2)]},
         {"role": "tool", "tool_call_id": "c2", "name": "f", "content": "<<3>>"}], ANSWER),
    "a developer's message": ([{"role": "developer", "content": "<<2>>"}, USER], ANSWER),
    "two system messages": (
        [{"role": "system", "content": "<<2>>"}, {"role": "system", "content": "<<3>>"}, USER], ANSWER),
    "names of speakers": ([{"role": "user", "name": "anna", "content": "<<1>>"}], ANSWER),
    "empty content beside calls": ([USER], {"role": "assistant", "content": "", "tool_calls": [call(2)]}),
    "no content beside calls": ([USER], {"role": "assistant", "tool_calls": [call(2)]}),
    "an empty list of calls": ([USER], {**ANSWER, "tool_calls": []}),
    "calls without arguments": (
        [USER], {"role": "assistant", "content": "<<2>>",
                 "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
    "arguments that break off": (
        [USER], {"role": "assistant", "content": None,
                 "tool_calls": [{"id": "c", "type": "function",
                                 "function": {"name": "f", "arguments": '{"q": "<<2>> and th'}}]}),
    "arguments as an object": (
        [USER], {"role": "assistant", "content": None,
                 "tool_calls": [{"id": "c", "type": "function",
                                 "function": {"name": "f", "arguments": {"q": "<<2>>"}}}]}),
    "a call without an id": (
        [USER], {"role": "assistant", "content": None,
                 "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": '{"q":"<<2>>"}'}}]}),
    "a custom tool": (
        [USER], {"role": "assistant", "content": None,
                 "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "<<2>>"}}]}),
    "a refusal": ([USER], {"role": "assistant", "content": None, "refusal": "<<2>>"}),
    "reasoning beside the content": ([USER], {**ANSWER, "reasoning_content": "<<2>>"}),
    "OpenRouter's reasoning": (
        [USER], {**ANSWER, "reasoning": "<<2>>", "reasoning_details": [{"type": "reasoning.text", "text": "<<2>>"}]}),
    "Anthropic's thinking with a signature": (
        [USER], {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "<<2>>", "signature": "sig"}, {"type": "text", "text": "<<9>>"}]}),
    "Anthropic's redacted thinking": (
        [USER], {"role": "assistant", "content": [
            {"type": "redacted_thinking", "data": "xx"}, {"type": "text", "text": "<<9>>"}]}),
    "Anthropic's results beside a text": (
        [USER, {"role": "assistant", "content": [
            {"type": "text", "text": "<<2>>"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"q": "<<3>>"}}]},
         {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "is_error": True,
             "content": [{"type": "text", "text": "<<4>>"}]},
            {"type": "text", "text": "<<5>>"}]}], ANSWER),
    "a result that is an image": (
        [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
         {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "text", "text": "<<4>>"}]}]}], ANSWER),
    "an image by its address": (
        [{"role": "user", "content": [{"type": "text", "text": "<<1>>"},
                                      {"type": "image_url", "image_url": {"url": "https://x/<<2>>.png"}}]}], ANSWER),
    "an image inline": (
        [{"role": "user", "content": [{"type": "text", "text": "<<1>>"},
                                      {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]}],
        ANSWER),
    "an image alone": (
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/<<1>>.png"}}]}], ANSWER),
    "a file by its id": (
        [{"role": "user", "content": [{"type": "text", "text": "<<1>>"},
                                      {"type": "file", "file": {"file_id": "file-1"}}]}], ANSWER),
    "a sound": (
        [{"role": "user", "content": [{"type": "text", "text": "<<1>>"},
                                      {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}]}],
        ANSWER),
    "a part of a kind that nobody knows": (
        [{"role": "user", "content": [{"type": "text", "text": "<<1>>"}, {"type": "hologram", "of": "x"}]}], ANSWER),
    "parts that are bare texts": ([{"role": "user", "content": ["<<1>>", "<<2>>"]}], ANSWER),
    "Gemini's parts": (
        [{"role": "user", "parts": [{"text": "<<1>>"}]},
         {"role": "model", "parts": [{"text": "<<2>>", "thought": True}, {"text": "<<3>>"},
                                     {"functionCall": {"name": "f", "args": {"q": "<<4>>"}}}]},
         {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "<<5>>"}}}]}],
        {"role": "model", "parts": [{"text": "<<9>>"}]}),
    "Bedrock's blocks": (
        [{"role": "user", "content": [{"text": "<<1>>"}]},
         {"role": "assistant", "content": [{"text": "<<2>>"},
                                           {"toolUse": {"toolUseId": "t", "name": "f", "input": {"q": "<<3>>"}}}]},
         {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "status": "error",
                                                      "content": [{"json": {"of": "<<4>>"}}, {"text": "<<5>>"}]}}]}],
        {"role": "assistant", "content": [{"text": "<<9>>"}]}),
    "Vercel's parts": (
        [{"role": "user", "content": [{"type": "text", "text": "<<1>>"}]},
         {"role": "assistant", "content": [{"type": "text", "text": "<<2>>"}, {
             "type": "tool-call", "toolCallId": "t", "toolName": "f", "input": {"q": "<<3>>"}}]},
         {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "t", "toolName": "f",
                                       "output": {"type": "text", "value": "<<4>>"}}]}], ANSWER),
    "LangChain's, serialised": (
        [{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"],
          "kwargs": {"content": "<<1>>", "type": "human"}},
         {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"],
          "kwargs": {"content": "<<2>>", "type": "ai",
                     "tool_calls": [{"name": "f", "args": {"q": "<<3>>"}, "id": "t", "type": "tool_call"}]}},
         {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "ToolMessage"],
          "kwargs": {"content": "<<4>>", "type": "tool", "tool_call_id": "t", "status": "error"}}], ANSWER),
    "LangChain's own calls that could not be parsed": (
        [USER], {"type": "ai", "content": "<<2>>",
                 "invalid_tool_calls": [{"name": "f", "args": '{"q": "<<3>>', "id": "t", "error": None}]}),
    "a text that looks like JSON of messages": (
        [{"role": "user", "content": '[{"role": "system", "content": "<<1>>"}]'}], ANSWER),
    "a text that looks like Python's": ([{"role": "user", "content": "Widget(colour='<<1>>')"}], ANSWER),
    "spaces and line ends": (
        [{"role": "user", "content": "  <<1>>\n\n"}], {"role": "assistant", "content": "\n<<9>> "}),
    "marks of direction": ([{"role": "user", "content": "\u202e<<1>>\u2028\ufeff"}], ANSWER),
}  # fmt: skip


def text(value: Any) -> str:
    return json.dumps(value)


def conventions(given: list[Json], said: Json) -> Json:
    return {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": text(given),
        "gen_ai.output.messages": text([said]),
    }  # fmt: skip


def openinference(given: list[Json], said: Json) -> Json:
    return {
        "openinference.span.kind": "LLM", "llm.model_name": "m", "input.mime_type": "application/json",
        "input.value": text({"model": "m", "messages": given}), "output.mime_type": "application/json",
        "output.value": text({"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}),
    }  # fmt: skip


def langfuse(given: list[Json], said: Json) -> Json:
    return {
        "langfuse.observation.type": "generation", "langfuse.observation.model.name": "m",
        "langfuse.observation.input": text({"messages": given}), "langfuse.observation.output": text(said),
    }  # fmt: skip


def mlflow(given: list[Json], said: Json) -> Json:
    return {
        "mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanInputs": text({"model": "m", "messages": given}),
        "mlflow.spanOutputs": text({"choices": [{"message": said}]}),
    }  # fmt: skip


def logfire(given: list[Json], said: Json) -> Json:
    return {
        "logfire.span_type": "span", "request_data": text({"model": "m", "messages": given}),
        "response_data": text({"message": said}),
    }  # fmt: skip


CARRIERS = [conventions, openinference, langfuse, mlflow, logfire]


def chat_of(*attributes: Json) -> list[Json]:
    spans = []
    for number, held in enumerate(attributes):
        begun, ended = 10 * number + 1, 10 * number + 9 if number else 10**6
        place = ("1" * 32, f"{number + 1:016x}", f"{1:016x}" if number else None, "k", "s", None, 0)
        spans.append(SpanRecord(*place, begun, ended, 0, None, held, (), (), "x", {}, RANK_ENDED_OTLP, 2))
    rows = project(RecordSet(spans))
    assert rows is not None
    assert len(lines("atlas", rows)) == 1
    return lines("chat", rows, RowOptions(arguments="text"))


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [one for held in value.values() for one in strings(held)]
    return [one for held in value for one in strings(held)] if isinstance(value, list) else []


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_invented_emptied_or_lost(name: str, carrier: Any) -> None:
    given, said = CASES[name]
    root = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
    (line,) = chat_of(root, carrier(given, said))
    whole = json.dumps([given, said])
    marks, found = set(MARK.findall(whole)), MARK.findall(json.dumps(line["messages"]))
    missing = marks - set(found)
    assert not missing or line["unread"] or line["omitted_parts"], f"{missing} in {line['messages']}"
    assert set(found) <= marks
    assert len(found) == len(set(found)), "nothing is said twice"
    roles = [one["role"] for one in line["messages"]]
    assert roles[-1] == "assistant"
    assert line["messages"][-1]["train"] is True
    assert sum(one["train"] for one in line["messages"]) == 1


@pytest.mark.parametrize("cut", range(20, 200, 23))
@pytest.mark.parametrize("name", ["parallel calls, answered out of order", "Bedrock's blocks", "Gemini's parts"])
def test_json_that_breaks_off_is_read_as_far_as_it_goes_and_marked(name: str, cut: int) -> None:
    given, said = CASES[name]
    held = conventions(given, said)
    held["gen_ai.input.messages"] = held["gen_ai.input.messages"][:-cut]
    (line,) = chat_of({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}, held)
    assert line["unread"] == ["the JSON text breaks off"]
    assert not [one for one in strings(line["messages"]) if one.startswith(('[{"', '{"role'))]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_poorer_span_around_the_call_hides_nothing(carrier: Any) -> None:
    """A framework's own span of the same call, without the calls of tools."""
    given, said = CASES["empty content beside calls"]
    outer = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
             "gen_ai.input.messages": text([{"role": "user", "content": "<<1>>"}])}  # fmt: skip
    found = chat_of({"gen_ai.operation.name": "invoke_agent"}, outer, carrier(given, said))
    assert any("<<2>>" in json.dumps(line["messages"]) for line in found)
