"""Messages of the GenAI conventions, ``{role, parts: [{type, …}], name?, finish_reason?}``: read and written. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.calls import sharing
from atlas_otel.calls.parts import read_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.calls.model_call import Message


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether a mapping has parts that say their type, or none."""
    parts = value.get("parts")
    return isinstance(parts, list) and all(isinstance(one, str) or sharing.is_typed(one) for one in parts)


def read_message(value: Mapping[str, Any], role: str) -> Sequence[Message]:
    """One message; one for each answer where a tool's message holds several."""
    said_by = sharing.role_of(value, role)
    return sharing.divided(said_by, read_parts(value["parts"]), name=sharing.text(value, "name"), whole=value)
