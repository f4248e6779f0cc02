"""Chat messages in whichever form they were recorded → the one form that chat templates and TRL take. Pure.

Read: the GenAI conventions' ``{role, parts}``, OpenAI's ``{role, content, tool_calls}``, LangChain's
``{type, content}``. Written: ``{role, content}``, with ``tool_calls`` (their arguments as JSON text, so that a
``datasets.Dataset`` can hold calls of several tools), ``tool_call_id``, ``name`` and ``reasoning_content`` where there
is something to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel_exporters.formats.events import text

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
}
_TEXT_KEYS: Final = ("content", "text", "thinking", "reasoning")


class Messages(NamedTuple):
    """Messages, and how many of their parts (images, files, …) could not be written as text."""

    items: list[JsonObject]
    omitted: int = 0


def message(role: str, content: str) -> JsonObject:
    """A message that says ``content``."""
    return {"role": role, "content": content}


def tool_call(call_id: str, name: str, arguments: JsonValue) -> JsonObject:
    """One entry of a message's ``tool_calls``."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text(arguments) or "{}"}}


def read_messages(value: JsonValue, *, role: str) -> Messages:
    """The messages in ``value``: a list of them, one of them, or text, said by ``role``. None of them elsewhere."""
    if isinstance(value, str):
        return Messages([message(role, value)] if value else [])
    if isinstance(value, dict):
        if isinstance(value.get("messages"), list):
            return read_messages(value["messages"], role=role)
        value = [value] if _is_message(value) else []
    if not isinstance(value, list):
        return Messages([])
    items: list[JsonObject] = []
    omitted = 0
    for one in value:
        if isinstance(one, dict) and _is_message(one):
            read = _read_one(one)
            items += read.items
            omitted += read.omitted
        elif isinstance(one, dict) and isinstance(one.get("message"), dict):  # a choice of OpenAI's answer
            read = read_messages(one["message"], role=role)
            items += read.items
            omitted += read.omitted
    return Messages(items, omitted)


def _is_message(value: JsonObject) -> bool:
    named = value.get("role", value.get("type"))
    return isinstance(named, str) and any(key in value for key in ("content", "parts", "tool_calls"))


def _read_one(value: JsonObject) -> Messages:
    named = str(value.get("role", value.get("type"))).lower()
    role = _ROLES.get(named, named)
    said: list[str] = []
    thought: list[str] = []
    tool_calls: list[JsonValue] = []
    answers: list[JsonObject] = []
    omitted = 0
    parts = value.get("parts", value.get("content"))
    for part in parts if isinstance(parts, list) else [parts]:
        kind, content = _part(part)
        if kind in ("text", "output_text", "input_text"):
            said.append(content)
        elif kind in ("reasoning", "thinking"):
            thought.append(content)
        elif kind == "tool_call" and isinstance(part, dict):
            tool_calls.append(tool_call(text(part.get("id")), text(part.get("name")), part.get("arguments")))
        elif kind == "tool_call_response" and isinstance(part, dict):
            answers.append(_answer(part.get("id"), part.get("response", part.get("result"))))
        elif kind:
            omitted += 1
    for call in _list(value.get("tool_calls")):
        if isinstance(call, dict):
            function = call.get("function")
            held = function if isinstance(function, dict) else call
            arguments = held.get("arguments", held.get("args"))
            tool_calls.append(tool_call(text(call.get("id")), text(held.get("name")), arguments))
    reasoning = value.get("reasoning_content")
    if isinstance(reasoning, str):
        thought.append(reasoning)
    read: JsonObject = message(role, "\n".join(filter(None, said)))
    if thought := list(filter(None, thought)):
        read["reasoning_content"] = "\n".join(thought)
    if tool_calls:
        read["tool_calls"] = tool_calls
    for key in ("tool_call_id", "name"):
        if isinstance(value.get(key), str) and value[key]:
            read[key] = value[key]
    says_something = read["content"] or len(read) > 2 or not answers
    return Messages(([read] if says_something else []) + answers, omitted)


def _answer(call_id: JsonValue, response: JsonValue) -> JsonObject:
    answer = message("tool", text(response))
    if call_id:
        answer["tool_call_id"] = text(call_id)
    return answer


def _part(part: JsonValue) -> tuple[str, str]:
    """(kind, text) of a part; an empty kind for nothing at all."""
    if part is None:
        return "", ""
    if not isinstance(part, dict):
        return "text", text(part)
    kind = part.get("type")
    content = next((part[key] for key in _TEXT_KEYS if key in part), None)
    return kind if isinstance(kind, str) and kind else "text", text(content)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
