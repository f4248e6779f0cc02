"""Messages, choices and tools in the form of the GenAI conventions, as JSON. Pure; what it writes reads back equal.

Beyond the conventions: ``arguments`` and ``response`` are the text that the model wrote or read, since a store may
reorder the keys of an object; ``signature``, ``encrypted_content``, ``is_error``, ``detail``, ``unread`` and the type
``atlas.unknown`` keep what the conventions have no place for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.calls.marks import LEFT_OUT
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
from atlas_otel.calls.parts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.calls.model_call import Choice, Cut, Message, Part, Tool
    from atlas_otel.models.json_types import JsonObject


def write_messages(messages: Iterable[Message], cut: Cut | None = None) -> list[JsonObject]:
    """The messages, with a mark behind the system's where others were left out."""
    written = [write_message(message) for message in messages]
    if cut is not None:
        first = next((i for i, one in enumerate(written) if one["role"] not in ("system", "developer")), len(written))
        written.insert(first, {LEFT_OUT: {"messages": cut.messages, "bytes": cut.bytes}})
    return written


def write_message(message: Message) -> JsonObject:
    """One message."""
    return _given(
        role=message.role, parts=[write_part(one) for one in message.parts], name=message.name, unread=message.unread
    )


def write_choices(choices: Iterable[Choice]) -> list[JsonObject]:
    """Answers, each a message with its finish reason."""
    return [
        {
            **write_message(choice.message),
            **_given(finish_reason=choice.finish_reason),
            **({"index": choice.index} if choice.index != number else {}),
        }
        for number, choice in enumerate(choices)
    ]


def write_part(part: Part) -> JsonObject:
    """One part."""
    if isinstance(part, Text):
        return _given(type="text", content=part.text, citations=list(part.citations) or None)
    if isinstance(part, Reasoning):
        return _given(
            type="reasoning", content=part.text, signature=part.signature, encrypted_content=part.encrypted, id=part.id
        )
    if isinstance(part, ToolCall):
        return _given(type="tool_call", id=part.id, name=part.name, arguments=part.arguments_text)
    if isinstance(part, ToolResult):
        return _given(
            type="tool_call_response",
            id=part.id,
            name=part.name,
            response=_response(part.parts),
            is_error=part.error or None,
        )
    if isinstance(part, Media):
        return _media(part)
    if isinstance(part, Refusal):
        return {"type": "refusal", "content": part.text}
    if isinstance(part, Citation):
        return {"type": "citation", "value": part.value}
    if isinstance(part, ServerToolCall):
        return _given(type="server_tool_call", id=part.id, name=part.name, server_tool_call=part.value)
    if isinstance(part, ServerToolResult):
        return _given(
            type="server_tool_call_response", id=part.id, name=part.name, server_tool_call_response=part.value
        )
    return {"type": UNKNOWN, "kind": part.kind, "value": part.value}


def write_tools(tools: Iterable[Tool]) -> list[JsonObject]:
    """Tools as ``gen_ai.tool.definitions`` has them."""
    return [
        tool.value
        if tool.value is not None
        else _given(
            type="function",
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            strict=tool.strict,
        )
        for tool in tools
    ]


def _response(parts: tuple[Part, ...]) -> Any:
    if not parts:
        return None
    if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].citations:
        return parts[0].text
    return [write_part(one) for one in parts]


def _media(part: Media) -> JsonObject:
    kind, where = "uri", _given(uri=part.uri)
    if part.file_id is not None:
        kind, where = "file", _given(file_id=part.file_id, uri=part.uri)
    elif part.data is not None:
        kind, where = "blob", _given(content=part.data)
    more = _given(mime_type=part.mime_type, name=part.name, detail=part.detail)
    return {"type": kind, "modality": part.modality, **more, **where}


def _given(**fields: Any) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}
