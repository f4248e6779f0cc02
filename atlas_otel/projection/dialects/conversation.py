"""Messages of the dialects in the form of the GenAI conventions, ``[{role, parts: [{type, …}]}]``. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from atlas_otel.records.json_text import JsonText, dump


def message(
    role: object,
    *,
    content: object = None,
    tool_calls: Sequence[Mapping[str, Any]] = (),
    tool_call_id: object = None,
    **more: object,
) -> dict[str, Any]:
    """One message. ``content`` is a text, a list of parts (which pass as they are), or None; of a tool that answers a
    call, the answer. ``more`` stands beside role and parts where it is not None."""
    parts: list[Any] = []
    if tool_call_id is not None:
        parts.append({"type": "tool_call_response", "id": tool_call_id, "response": content})
    elif isinstance(content, list):
        parts.extend(part if isinstance(part, Mapping) else text_part(part) for part in content)
    elif content is not None and content != "":
        parts.append(text_part(content))
    parts.extend(tool_calls)
    return {"role": role, "parts": parts, **{name: value for name, value in more.items() if value is not None}}


def text_part(text: object) -> dict[str, Any]:
    """A part that says ``text``."""
    return {"type": "text", "content": text}


def reasoning_part(text: object) -> dict[str, Any]:
    """A part that is what a model thought before it spoke."""
    return {"type": "reasoning", "content": text}


def parts_of_text(content: object) -> object:
    """The parts that a content is the JSON of; any other content as it is, also one that happens to be JSON."""
    found = opened(content) if isinstance(content, str) else content
    if not isinstance(found, list) or not all(_is_part(part) for part in found):
        return content
    return [_openai_part(part) for part in found] or content


def _is_part(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("type"), str)


def tool_call(call_id: object, name: object, arguments: object) -> dict[str, Any]:
    """A part that calls a tool; the arguments as the model wrote them."""
    call = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
    return {key: value for key, value in call.items() if value is not None}


def opened(value: object) -> object:
    """An object or a list that stands in a JSON text; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def openai_message(value: Mapping[str, Any], role: str) -> dict[str, Any]:
    """A message in the form of OpenAI's interface, or one that already is in the conventions' form."""
    if isinstance(value.get("parts"), list):
        return {"role": value.get("role", role), **value}
    calls = []
    for call in value.get("tool_calls") or ():
        if isinstance(call, Mapping):
            function = call.get("function")
            held = function if isinstance(function, Mapping) else call
            calls.append(tool_call(call.get("id"), held.get("name"), held.get("arguments")))
    said_by, content = value.get("role", role), parts_of_text(value.get("content"))
    return message(
        said_by,
        content=[_openai_part(part) for part in content] if isinstance(content, list) else content,
        tool_calls=calls,
        tool_call_id=value.get("tool_call_id", value.get("id")) if said_by == "tool" else None,
        name=value.get("name"),
        finish_reason=value.get("finish_reason"),
    )


def _openai_part(part: object) -> object:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return text_part(part["text"])
    return part


def as_messages(messages: Sequence[Mapping[str, Any]]) -> JsonText | None:
    """The messages as JSON; None where there is none."""
    return JsonText(dump(messages)) if messages else None
