"""What the readers of several forms do in the same way. Pure; never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.model_call import Message, Text, ToolResult, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.calls.model_call import Part

ROLES: Final[Mapping[str, str]] = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "function": "tool",
    "tool-call": "assistant",
    "tool_call": "assistant",
    "tool-response": "tool",
    "tool_response": "tool",
}
"""What other providers and frameworks call the same roles."""

_EMPTY: Final = Text("")
NOTHING: Final = "says nothing in any known form"


def role_of(value: Mapping[str, Any], otherwise: str) -> str:
    """Who says a message, in the words of the conventions."""
    said = value.get("role")
    if not isinstance(said, str) or not said:
        return otherwise
    return ROLES.get(said.lower(), said.lower())


def text(value: Mapping[str, Any], *keys: str) -> str | None:
    """The first of these keys that holds a text that is not empty."""
    return next((value[key] for key in keys if isinstance(value.get(key), str) and value[key]), None)


def first(value: Mapping[str, Any], *keys: str) -> Any:
    """The first of these keys that holds anything."""
    return next((value[key] for key in keys if value.get(key) is not None), None)


def kind_of(value: object) -> str:
    """What a mapping calls its ``type``; nothing where it does not."""
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def is_typed(value: object) -> bool:
    """Whether a part says its type."""
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def holds(content: object, *kinds: str) -> bool:
    """Whether a content has a part of one of these types."""
    return isinstance(content, list) and any(kind_of(one) in kinds for one in content)


def divided(
    role: str, parts: Sequence[Part], *, whole: Mapping[str, Any], name: str | None = None
) -> tuple[Message, ...]:
    """The messages that these parts are: each tool's result is one of its own, in front of what else was said.

    A message that has no part at all was sent so only where it has a content: else nothing of it was understood, and
    ``whole`` is kept, marked.
    """
    results = [part for part in parts if isinstance(part, ToolResult)]
    others = tuple(part for part in parts if not isinstance(part, ToolResult))
    if len(others) > 1:
        others = tuple(part for part in others if part != _EMPTY)  # a content that is empty beside calls
    found = tuple(Message("tool", (part,), name=None) for part in results)
    if others or not results:
        if not others and not _may_be_empty(whole):
            return (Message(role, (Unknown("message", dict(whole)),), name, unread=NOTHING),)
        found += (Message(role, others, name),)
    return found


def _may_be_empty(whole: Mapping[str, Any]) -> bool:
    """Whether a message without any part was sent like that, and nothing of it was missed."""
    said = [key for key, value in whole.items() if value not in (None, "", [], {})]
    return set(said) <= {"role", "name", "type", "id", "finish_reason", "status", "index", "object", "stop_reason",
                         "model", "usage", "created_at", "created"}  # fmt: skip
