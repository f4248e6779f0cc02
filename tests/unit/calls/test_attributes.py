"""A model call written as attributes reads back as the same call, and in OpenAI's form says the same."""

from __future__ import annotations

from typing import Any

from atlas_otel.calls.attributes import from_attributes, to_attributes
from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.model_call import (
    Choice,
    Cut,
    Media,
    Message,
    ModelCall,
    Place,
    Reasoning,
    Refusal,
    ServerToolCall,
    Text,
    Tokens,
    Tool,
    ToolCall,
    ToolResult,
    Unknown,
    Usage,
)
from atlas_otel.calls.openai_form import to_openai
from atlas_otel.records.json_text import JsonText

CALL = ModelCall(
    messages=(
        Message("system", (Text("Be brief."),), apart=True),
        Message("user", (Text("What is in it?"), Media("image", data="aGk=", mime_type="image/png", detail="low"))),
        Message(
            "assistant", (Reasoning("Hm.", "sig"), ToolCall("c1", "w", '{"b": 1, "a": 2}'), ToolCall("c2", "w", ""))
        ),
        Message("tool", (ToolResult("c1", "w", (Text("sun"),)),)),
        Message("tool", (ToolResult("c2", None, (Text("no such place"),), error=True),)),
        Message("user", (Unknown("hologram", {"type": "hologram", "x": 1}),), unread="says nothing in any known form"),
    ),
    choices=(
        Choice(Message("assistant", (Text("A cat."),)), "stop", Tokens((1, 2), (-0.5, None), ("A", " cat."))),
        Choice(Message("assistant", (Refusal("No."), ServerToolCall("s", "search", {"q": 1}))), "stop", index=1),
    ),
    tools=(Tool("w", "weather", {"type": "object"}, True), Tool("web_search", value={"type": "web_search"})),
    parameters={"temperature": 0.5},
    provider="p",
    request_model="m",
    response_model="m-1",
    response_id="r",
    previous_response_id="q",
    usage=Usage(10, 5, 15, 3, 1, 2),
    prompt_tokens=Tokens(ids=(7, 8)),
    cut=Cut(3, 1234),
    unread=("why",),
    place=Place("key", 1, 2, "span", "teacher", "agent"),
)


def test_a_call_written_as_attributes_reads_back_as_it_was() -> None:
    read = from_attributes(to_attributes(CALL), span="span")
    assert read == CALL
    assert read.messages[0].apart


def test_a_call_in_openai_form_keeps_texts_ids_and_arguments_to_the_byte() -> None:
    written = to_openai(CALL.messages)
    assert [one["role"] for one in written] == ["system", "user", "assistant", "tool", "tool", "user"]
    assert [call["function"]["arguments"] for call in written[2]["tool_calls"]] == ['{"b": 1, "a": 2}', "{}"]  # type: ignore[index,union-attr,call-overload]
    assert written[1]["content"][1]["image_url"]["url"] == "data:image/png;base64,aGk="  # type: ignore[index,call-overload]
    assert written[5]["unread"]


def test_json_that_breaks_off_is_read_up_to_there_and_the_rest_is_marked() -> None:
    system, rest = read_messages(JsonText('[{"role": "system", "content": "Be brief."}, {"role": "user",')).items
    assert (system.text, rest.role, rest.unread) == ("Be brief.", "user", "the JSON text breaks off")
    assert rest.parts == (Unknown("text", '{"role": "user",'),)


def test_parts_nested_without_end_are_one_message_that_is_marked() -> None:
    part: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(20_000):
        part = {"type": "tool_result", "tool_use_id": "c", "content": [part]}
    (message,) = read_messages([{"role": "user", "content": [part]}]).items
    assert message.unread == "nested too deep to be read"
    assert from_attributes(to_attributes(ModelCall(messages=(message,)))).marks == ("nested too deep to be read",)
