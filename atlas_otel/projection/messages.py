"""What a call's messages say, as text for people and for comparing. What they are is read by ``calls``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.model_call import (
    Citation,
    Media,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
)
from atlas_otel.records.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_otel.calls.model_call import Message, Part
    from atlas_otel.models.json_types import JsonValue
    from atlas_otel.records.json_text import JsonText


def text_of(value: JsonValue) -> str:
    """A value as people read it: text as it is, nothing as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value)


def messages_of(text: JsonText | None) -> Sequence[Message]:
    """The messages in a JSON list of them; a plain text has none."""
    return read_messages(text).items if text is not None and isinstance(text.value, list) else ()


def reasoning_texts(text: JsonText | None) -> list[str]:
    """The reasoning parts of the messages in ``text``."""
    parts = (part for message in messages_of(text) for part in message.parts)
    return [part.text for part in parts if isinstance(part, Reasoning) and part.text]


def transcript_lines(message: Message) -> Iterator[str]:
    """A message as lines of a transcript: what was said, called and answered."""
    for part in message.parts:
        yield f"{message.role}{_line(part)}"


def _line(part: Part) -> str:
    if isinstance(part, ToolCall):
        return f" calls {part.name}({part.arguments_text})"
    if isinstance(part, ToolResult):
        return f" result: {' '.join(_shown(one) for one in part.parts)}"
    if isinstance(part, Reasoning):
        return f" thinks: {part.text}"
    if isinstance(part, Text):
        return f": {part.text}"
    if isinstance(part, Refusal):
        return f" refuses: {part.text}"
    return f" {_shown(part)}"


def _shown(part: Part) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Media):
        return f"({part.modality})"
    if isinstance(part, (ServerToolCall, ServerToolResult)):
        return f"({part.name})"
    return "(citation)" if isinstance(part, Citation) else "(not read)"
