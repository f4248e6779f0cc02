"""Messages of the GenAI conventions, ``{role, parts: [{type, …}], name?, finish_reason?}``: read and written. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.marks import is_cut
from atlas_otel.calls.model_call import Message, Text, ToolResult, Unknown
from atlas_otel.calls.openai_chat import read_call
from atlas_otel.calls.parts import read_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.calls.model_call import Part

_PLAIN_ROLES: Final = frozenset({"system", "user", "assistant"})
_PLAIN_PART: Final = frozenset({"type", "content"})
_PLAIN_KEYS: Final = frozenset({"role", "parts", "finish_reason"})


def plain_message(value: Mapping[str, Any]) -> Message | None:
    """The message that :func:`read_message` reads where it is whole, and one text; None for any other.

    Most messages are that, and reading them so takes a tenth of the time.
    """
    role, parts = value.get("role"), value.get("parts")
    if type(role) is not str or role not in _PLAIN_ROLES or type(parts) is not list or len(parts) != 1:
        return None
    part = parts[0]
    if type(part) is not dict or len(part) != len(_PLAIN_PART) or part.keys() != _PLAIN_PART or part["type"] != "text":
        return None
    said = part["content"]
    if type(said) is not str or is_cut(said) or not value.keys() <= _PLAIN_KEYS:
        return None
    return Message(role, (Text(said),))


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether a mapping has parts that say their type, or none."""
    parts = value.get("parts")
    return isinstance(parts, list) and all(isinstance(one, str) or sharing.is_typed(one) for one in parts)


def read_message(value: Mapping[str, Any], role: str) -> Sequence[Message]:
    """One message; one for each answer where a tool's message holds several.

    A message that an earlier reader marked ``unread`` stays so while any part of it is unknown.
    """
    said_by, parts = sharing.role_of(value, role), (*read_parts(value["parts"]), *_beside(value))
    reason = sharing.text(value, "unread")
    if reason is not None and any(isinstance(part, Unknown) for part in parts):
        again = _read_again(parts, said_by)
        return again or (Message(said_by, parts, sharing.text(value, "name"), unread=reason),)
    if said_by == "tool" and (call_id := sharing.text(value, "tool_call_id")) and _only_texts(parts):
        return sharing.divided(said_by, (ToolResult(call_id, sharing.text(value, "name"), tuple(parts)),), whole=value)
    return sharing.divided(said_by, parts, name=sharing.text(value, "name"), whole=value)


def _beside(value: Mapping[str, Any]) -> Iterator[Part]:
    """Calls in OpenAI's form beside the parts (LiteLLM's histories)."""
    calls = value.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        yield read_call(call)


def _only_texts(parts: Sequence[Part]) -> bool:
    return all(isinstance(part, Text) for part in parts)


def _read_again(parts: Sequence[Part], role: str) -> Sequence[Message]:
    """The message that an earlier reader kept whole, where this one can read it."""
    from atlas_otel.calls.messages import read_message as read

    held = parts[0].value if len(parts) == 1 and isinstance(parts[0], Unknown) else None
    found = read(held, role) if isinstance(held, dict) and "unread" not in held else ()
    return found if all(one.unread is None for one in found) else ()
