"""Chat messages and model answers, as people pass them around, in the form of the GenAI conventions. Pure.

Reads what is there (a mapping's keys, an object's public attributes) and passes on what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard


class ModelAnswer(NamedTuple):
    """What a model call returned, as far as it can be told from the value."""

    messages: list[dict[str, Any]] | None = None
    model: str | None = None
    response_id: str | None = None
    finish_reasons: list[str] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


def is_messages(value: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Whether ``value`` is a non-empty list of mappings that each have a ``role``."""
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(item, Mapping) and isinstance(item.get("role"), str) for item in value)
    )


def to_convention(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``[{role, parts: [{type, …}], …}]`` of messages in OpenAI's, Anthropic's or already in that form."""
    return [_message(message) for message in messages]


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(message.get("parts"), (list, tuple)):
        return dict(message)
    parts: list[Any] = []
    content = message.get("content")
    if message.get("role") == "tool" and "tool_call_id" in message:
        parts.append({"type": "tool_call_response", "id": message["tool_call_id"], "response": content})
    elif isinstance(content, str):
        parts.append({"type": "text", "content": content})
    elif isinstance(content, (list, tuple)):
        parts.extend(_part(part) for part in content)
    elif content is not None:
        parts.append({"type": "text", "content": content})
    rest = {k: v for k, v in message.items() if k not in ("role", "content", "tool_calls", "tool_call_id")}
    calls = message.get("tool_calls")
    if isinstance(calls, (list, tuple)):
        parts.extend(_tool_call(call) for call in calls)
    elif calls is not None:
        rest["tool_calls"] = calls
    return {"role": message["role"], "parts": parts, **rest}


def _part(part: Any) -> Any:
    if isinstance(part, str):
        return {"type": "text", "content": part}
    if isinstance(part, Mapping) and part.get("type") == "text" and "text" in part:
        return {"type": "text", "content": part["text"]}
    return part


def _tool_call(call: Any) -> dict[str, Any]:
    function = _get(call, "function")
    arguments = _get(function, "arguments")
    return {"type": "tool_call", "id": _get(call, "id"), "name": _get(function, "name"), "arguments": arguments}


def read_answer(result: object) -> ModelAnswer:
    """What ``result`` says of itself: a text, or an answer in the shape of OpenAI's or Anthropic's SDK, or a mapping
    of the same fields. All None where it says nothing."""
    if isinstance(result, str):
        return ModelAnswer(messages=[_said(result)])
    usage = _get(result, "usage")
    model = _get(result, "model")
    response_id = _get(result, "id")
    choices = _get(result, "choices")
    messages: list[dict[str, Any]] | None = None
    reasons: list[str] = []
    if isinstance(choices, (list, tuple)):
        messages = []
        for choice in choices:
            reason = _get(choice, "finish_reason")
            reasons += [reason] if isinstance(reason, str) else []
            said = _get(choice, "message")
            if said is not None:
                fields = {k: _get(said, k) for k in ("role", "content", "tool_calls")}
                messages.append(_message({**fields, "role": fields["role"] or "assistant"}))
    elif isinstance(result, Mapping) and isinstance(result.get("role"), str):
        messages = [_message(result)]
    elif isinstance(_get(result, "content"), str):
        messages = [_said(_get(result, "content"))]
    stop = _get(result, "stop_reason")
    reasons += [stop] if isinstance(stop, str) else []
    return ModelAnswer(
        messages or None,
        model if isinstance(model, str) else None,
        response_id if isinstance(response_id, str) and (usage is not None or choices is not None) else None,
        reasons or None,
        _count(usage, "input_tokens", "prompt_tokens"),
        _count(usage, "output_tokens", "completion_tokens"),
    )


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "parts": [{"type": "text", "content": text}]}


def _get(value: object, name: str) -> Any:
    if value is None or isinstance(value, (str, bytes, int, float)):
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def _count(usage: object, *names: str) -> int | None:
    for name in names:
        number = _get(usage, name)
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            return number
    return None
