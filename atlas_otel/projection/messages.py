"""Chat messages, read for their text: in the GenAI conventions' form ``{role, parts}`` or plain ``{role, content}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from atlas_otel.records.json_text import dump

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonValue
    from atlas_otel.records.json_text import JsonText

_USER_ROLES: Final = frozenset({"user", "human"})
_ASSISTANT_ROLES: Final = frozenset({"assistant", "ai", "model"})
_TASK_KEYS: Final = ("task", "input", "question", "query", "prompt", "messages", "inputs", "kwargs")
_ANSWER_KEYS: Final = ("final_answer", "answer", "output", "result", "content", "text", "messages", "outputs")


def text_of(value: JsonValue) -> str:
    """A value as people read it: text as it is, nothing as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value)


def messages_of(text: JsonText | None) -> list[Mapping[str, JsonValue]]:
    """The messages in a JSON list of them; a plain text has none."""
    value = text.value if text is not None else None
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def parts_of(message: Mapping[str, JsonValue]) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
    """(type, part) of a message, whichever form it is in."""
    parts = message.get("parts")
    content = parts if isinstance(parts, list) else message.get("content")
    if isinstance(content, str):
        yield "text", {"content": content}
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, str):
                yield "text", {"content": part}
            elif isinstance(part, Mapping):
                yield text_of(part.get("type")) or "text", part
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, Mapping):
            function = call.get("function")
            yield "tool_call", {**call, **function} if isinstance(function, Mapping) else call


def message_text(message: Mapping[str, JsonValue]) -> str:
    """What a message says, without reasoning and tool calls."""
    said = (text_of(part.get("content", part.get("text"))) for kind, part in parts_of(message) if kind == "text")
    return "\n".join(text for text in said if text)


def reasoning_texts(text: JsonText | None) -> list[str]:
    """The reasoning parts of the messages in ``text``."""
    found: list[str] = []
    for message in messages_of(text):
        for kind, part in parts_of(message):
            if kind in ("reasoning", "thinking"):
                said = text_of(part.get("content", part.get("text", part.get("thinking"))))
                found += [said] if said else []
        plain = message.get("reasoning_content", message.get("reasoning"))
        found += [plain] if isinstance(plain, str) and plain else []
    return found


def first_user_text(value: JsonValue) -> str:
    """The first thing that a user said in ``value``: a text, a message, messages, or an object that holds them."""
    return _said(value, _USER_ROLES, _TASK_KEYS, last=False, depth=0)


def last_reply_text(value: JsonValue) -> str:
    """The last thing that the assistant said in ``value``, in the same forms."""
    return _said(value, _ASSISTANT_ROLES, _ANSWER_KEYS, last=True, depth=0)


def _said(value: JsonValue, roles: frozenset[str], keys: Sequence[str], *, last: bool, depth: int) -> str:
    if isinstance(value, str) or depth > 4:
        return value if isinstance(value, str) else ""
    if isinstance(value, list):
        for one in reversed(value) if last else value:
            message = _unwrapped(one) if isinstance(one, Mapping) else {}
            if _role(message) in roles and (text := message_text(message)):
                return text
            # LangGraph's short form: ["user", "text"]
            if isinstance(one, list) and len(one) == 2 and one[0] in roles and isinstance(one[1], str):
                return one[1]
        return ""
    if isinstance(value, Mapping):
        message = _unwrapped(value)
        if _role(message) in roles and (text := message_text(message)):
            return text
        for key in keys:
            if key in value and (text := _said(value[key], roles, keys, last=last, depth=depth + 1)):
                return text
    return ""


def _unwrapped(message: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """A message as LangChain writes it, ``{type, data: {…}}`` or ``{lc, id, kwargs: {…}}``, without its wrapping."""
    for wrapping, mark in (("data", "type"), ("kwargs", "lc")):
        inner = message.get(wrapping)
        if mark in message and "content" not in message and isinstance(inner, Mapping) and "content" in inner:
            return inner
    return message


def _role(message: Mapping[str, JsonValue]) -> str:
    role = message.get("role", message.get("type"))
    return role if isinstance(role, str) else ""


def transcript_lines(message: Mapping[str, JsonValue]) -> Iterator[str]:
    """A message as lines of a transcript: what was said, called and answered."""
    role = text_of(message.get("role")) or "message"
    for kind, part in parts_of(message):
        if kind == "tool_call":
            yield f"{role} calls {text_of(part.get('name'))}({text_of(part.get('arguments'))})"
        elif kind == "tool_call_response":
            yield f"{role} result: {text_of(part.get('response', part.get('result')))}"
        elif kind in ("reasoning", "thinking"):
            yield f"{role} thinks: {text_of(part.get('content', part.get('text', part.get('thinking'))))}"
        elif kind == "text":
            yield f"{role}: {text_of(part.get('content', part.get('text')))}"
        else:
            yield f"{role} ({kind})"
