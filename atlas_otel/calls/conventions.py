"""Messages of the GenAI conventions, ``{role, parts: [{type, …}], name?, finish_reason?}``: read and written. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.calls import sharing
from atlas_otel.calls.model_call import Message, Unknown
from atlas_otel.calls.parts import read_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.calls.model_call import Part


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether a mapping has parts that say their type, or none."""
    parts = value.get("parts")
    return isinstance(parts, list) and all(isinstance(one, str) or sharing.is_typed(one) for one in parts)


def read_message(value: Mapping[str, Any], role: str) -> Sequence[Message]:
    """One message; one for each answer where a tool's message holds several.

    A message that an earlier reader marked ``unread`` stays so while any part of it is unknown.
    """
    said_by, parts = sharing.role_of(value, role), read_parts(value["parts"])
    reason = sharing.text(value, "unread")
    if reason is not None and any(isinstance(part, Unknown) for part in parts):
        again = _read_again(parts, said_by)
        return again or (Message(said_by, parts, sharing.text(value, "name"), unread=reason),)
    return sharing.divided(said_by, parts, name=sharing.text(value, "name"), whole=value)


def _read_again(parts: Sequence[Part], role: str) -> Sequence[Message]:
    """The message that an earlier reader kept whole, where this one can read it."""
    from atlas_otel.calls.messages import read_message as read

    held = parts[0].value if len(parts) == 1 and isinstance(parts[0], Unknown) else None
    found = read(held, role) if isinstance(held, dict) and "unread" not in held else ()
    return found if all(one.unread is None for one in found) else ()
