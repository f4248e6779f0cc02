"""How dialects read a model call: through the readers of ``calls``, which know every wire form. Pure.

A dialect says where messages, answer and tools stand; what form they are in is the readers' business. What comes out is
in the GenAI conventions' form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from atlas_otel.calls import request as calls
from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.messages import is_message, read_messages
from atlas_otel.calls.model_call import Choice, Message, Text, ToolCall, ToolResult, Unknown, Usage
from atlas_otel.calls.parts import read_part, read_parts
from atlas_otel.calls.tools import read_tools
from atlas_otel.calls.usage import read_usage
from atlas_otel.calls.writing import write_choices, write_messages, write_part, write_tools
from atlas_otel.projection.statements import is_repr
from atlas_otel.records.json_text import JsonText, dump

_OF_A_RESPONSE: Final = frozenset(
    {
        "choices", "message", "messages", "content", "contents", "output", "outputs", "candidates", "generations",
        "role", "parts", "response", "responses", "replies", "text", "completion", "completions", "kwargs", "data",
        "model", "usage", "tool_calls", "toolCalls", "type", "atlas.truncated",
    }
)  # fmt: skip
_OF_A_WRAPPER: Final = frozenset({"args", "kwargs", "sanitize_inputs_outputs"})
"""How decorators of tools (Langfuse's, smolagents') write what they were called with."""


def canonical(fields: dict[str, Any], kind: str) -> None:
    """Put what ``fields`` hold of messages, answer and tools into the conventions' form; of a tool's span, take
    arguments and result out of messages, where a producer writes them so."""
    if kind == "tool":
        _tool(fields)
        return
    if kind != "llm":
        _statements(fields)
    elif (given := fields.get("input_messages")) is not None:
        read = read_messages(given)
        _put(fields, "input_messages", write_messages(read.items, read.cut))
    if kind == "llm" and (said := fields.get("output_messages")) is not None:
        choices = read_answer(said).choices or _structured(said)
        if choices:
            _put(fields, "output_messages", write_choices(choices))
    if (system := fields.get("system_instructions")) is not None:
        _put(fields, "system_instructions", [write_part(part) for part in system_parts(system.value)])
    if (tools := fields.get("tool_definitions")) is not None:
        _put(fields, "tool_definitions", write_tools(read_tools(tools)))


def _structured(said: JsonText) -> tuple[Choice, ...]:
    """The answer of a model that was to answer in JSON: an object with no name of a response's or a message's."""
    value = said.value
    if not isinstance(value, dict) or not value or _OF_A_RESPONSE & value.keys():
        return ()
    return (Choice(Message("assistant", (Text(said.text),))),)


def _statements(fields: dict[str, Any]) -> None:
    """What an agent or a chain was given and gave back: messages, or a value under the name of messages."""
    for fact, other, role in (("input_messages", "input", "user"), ("output_messages", "output", "assistant")):
        held = fields.get(fact)
        if held is None:
            continue
        read = read_messages(held, role=role)
        if isinstance(held.value, Mapping) and any(one.unread for one in read.items):
            fields.setdefault(other, fields.pop(fact))
        else:
            _put(fields, fact, write_messages(read.items, read.cut))


def without_made_up_ids(held: JsonText) -> JsonText:
    """The messages without those ids of calls and results that are only the tool's name and a place, ``name_2``."""
    value = held.value
    if not isinstance(value, list) or not _are_messages(value):
        return held
    read = read_messages(held)
    names = {call.name for one in read.items for call in one.tool_calls}
    return JsonText(dump(write_messages([_without_ids(one, names) for one in read.items], read.cut)))


def _without_ids(message: Message, names: set[str]) -> Message:
    parts = tuple(
        replace(part, id=None)
        if isinstance(part, (ToolCall, ToolResult)) and part.id is not None and _is_place(part.id, names)
        else part
        for part in message.parts
    )
    return replace(message, parts=parts)


def _is_place(call_id: str, names: set[str]) -> bool:
    name, _, place = call_id.rpartition("_")
    return name in names and place.isdigit()


def _put(fields: dict[str, Any], fact: str, value: list[Any]) -> None:
    if not value:
        del fields[fact]
    elif (text := dump(value)) != fields[fact].text:  # else it stays, with what was read of it
        fields[fact] = JsonText(text)


def system_parts(value: Any) -> tuple[Any, ...]:
    """The parts of a system text in any form: a text, parts, Gemini's content, messages."""
    if isinstance(value, Mapping):
        value = value.get("parts", value.get("content", [value]))
    if isinstance(value, list) and value and all(map(is_message, value)):
        return tuple(part for message in read_messages(value).items for part in message.parts)
    return read_parts(value)


def _tool(fields: dict[str, Any]) -> None:
    """A tool's arguments and result, out of messages and of what Python's wrappers put around arguments."""
    given = fields.get("input")
    held = given.value if given is not None else None
    if isinstance(held, dict) and {"args", "kwargs"} <= held.keys() <= _OF_A_WRAPPER and not held["args"]:
        fields["input"] = JsonText(dump(held["kwargs"]))
    for fact, other in (("input", "input_messages"), ("output", "output_messages")):
        held = fields.pop(other, None)
        if held is not None and fields.get(fact) is None:
            fields[fact] = _called_with(held) if fact == "input" else returned(held)


def _called_with(held: JsonText) -> JsonText:
    """Arguments out of a message that calls the tool, else the value itself."""
    messages = read_messages(held).items if _are_messages(held.value) else ()
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                return JsonText(part.arguments_text)
            if isinstance(part, ToolResult):  # an event of a tool's message, on the span of its call
                return text_or_json(part.text)
    return text_or_json(messages[0].text) if messages else held


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and any(map(is_message, value))


def returned(held: JsonText) -> JsonText:
    """A tool's result out of the message or the blocks that carry it, else the value itself. Blocks of text are it."""
    value = held.value
    if not isinstance(value, list) or not value:
        return held
    if not _are_messages(value):
        parts = read_parts(value) if all(isinstance(one, Mapping) for one in value) else ()
        texts = [part.text for part in parts if isinstance(part, Text)]
        return text_or_json("\n".join(texts)) if texts and len(texts) == len(parts) else held
    messages = read_messages(held).items
    for message in messages:
        if (result := message.tool_result) is not None:
            return _result(result)
    return text_or_json(messages[-1].text)


def _result(result: ToolResult) -> JsonText:
    if all(isinstance(part, Text) for part in result.parts):
        return text_or_json(result.text)
    return JsonText(dump([write_part(part) for part in result.parts]))


def text_or_json(text: str) -> JsonText:
    """The value that a text is the JSON of, where that is an object or a list; else the text itself."""
    opened = JsonText(text)
    return opened if isinstance(opened.value, (dict, list)) else JsonText(dump(text))


def opened(value: object) -> Any:
    """The object or list that a text is the JSON of; anything else as it is."""
    if isinstance(value, JsonText):
        return value.value
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        return JsonText(value).value
    return value


def opened_parts(content: object) -> Any:
    """The parts that a text is the JSON of; a text that is JSON of something else was said as it is."""
    found = opened(content) if isinstance(content, str) else content
    if isinstance(found, list) and found and all(isinstance(one, Mapping) and _is_known(one) for one in found):
        return found
    return content


def _is_known(part: Mapping[str, Any]) -> bool:
    return not isinstance(read_part(dict(part)), Unknown)


def read_request(fields: dict[str, Any], value: object) -> bool:
    """Take messages, system text, tools, model and parameters out of a request as it went to a provider; whether it
    holds messages. What is known already stays."""
    given = {"messages": value} if isinstance(value, list) else value
    if not isinstance(given, Mapping):
        return False
    request = calls.read_request(given)
    if not request.messages or _shows_objects(given):
        return False
    apart = request.messages[0].apart
    messages = request.messages[1:] if apart else request.messages
    fields.setdefault("input_messages", JsonText(dump(write_messages(messages, request.cut))))
    if apart:
        fields.setdefault("system_instructions", JsonText(dump([write_part(one) for one in request.messages[0].parts])))
    if request.tools:
        fields.setdefault("tool_definitions", JsonText(dump(write_tools(request.tools))))
    if request.model:
        fields.setdefault("model", request.model)
    if request.parameters:
        fields.setdefault("input", JsonText(dump(request.parameters)))
    return True


def read_response(fields: dict[str, Any], value: object) -> bool:
    """Take the answer, the answering model and the use of tokens out of a provider's response, or of a message or
    text; whether it holds an answer. What is known already stays."""
    answer = read_answer(value)
    choices = () if _shows_objects(value) else choices_in(value)
    if answer.usage is not None:
        put_usage(fields, answer.usage)
    elif isinstance(value, Mapping) and (usage := _usage_in(value)) is not None:
        put_usage(fields, usage)
    if answer.model:
        fields.setdefault("model", answer.model)
    if answer.response_id:
        fields.setdefault("response_id", answer.response_id)
    if not choices:
        return False
    fields.setdefault("output_messages", JsonText(dump(write_choices(choices))))
    reasons = tuple(choice.finish_reason for choice in choices if choice.finish_reason)
    if reasons:
        fields.setdefault("finish_reasons", reasons)
    return True


def _shows_objects(value: object) -> bool:
    """Whether lists of messages hold how Python shows them (LlamaIndex's, Haystack's): nothing that anybody said."""
    return isinstance(value, Mapping) and any(
        isinstance(one, str) and is_repr(one) for held in value.values() if isinstance(held, list) for one in held
    )


def choices_in(value: object) -> tuple[Choice, ...]:
    """The answers that a response holds, or what stands in it under a usual name."""
    found = read_answer(value).choices
    if not found and isinstance(value, Mapping):
        for key in ("message", "output_message", "response", "content", "replies"):
            if value.get(key) and (found := read_answer(value[key]).choices):
                break
    return found


def _usage_in(value: Mapping[str, Any]) -> Usage | None:
    for key in ("usage", "usage_metadata", "usageMetadata", "token_usage"):
        if isinstance(value.get(key), Mapping):
            return read_usage(value[key])
    return None


def put_usage(fields: dict[str, Any], usage: Usage | None) -> None:
    """Put counts among the facts; those that are known stay."""
    if usage is None:
        return
    for name in ("input_tokens", "output_tokens", "total_tokens", "cached_tokens", "cache_write_tokens",
                 "reasoning_tokens"):  # fmt: skip
        if (number := getattr(usage, name)) is not None:
            fields.setdefault(name, number)
