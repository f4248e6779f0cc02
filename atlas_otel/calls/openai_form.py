"""Messages and tools as OpenAI's chat completions take them: what chat templates and trainers read. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.marks import is_cut
from atlas_otel.calls.model_call import Media, Reasoning, Refusal, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.calls.model_call import Message, Part, Tool
    from atlas_otel.models.json_types import JsonObject, JsonValue

_AUDIO_FORMATS: Final = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def to_openai(messages: Iterable[Message]) -> list[JsonObject]:
    """The messages: ``{role, content}``, with ``tool_calls`` (``arguments`` as the text that the model wrote),
    ``tool_call_id``, ``name``, ``refusal`` and ``reasoning_content`` where there is something to say.

    ``content`` is a text, or a list of parts where an image, a sound or a file is among them. What has no place in
    this form (server-side tools, citations, unknown parts) is left out: :func:`unwritten` counts it. A message of
    which nothing could be read has a key ``unread`` with the reason.
    """
    return [_message(message) for message in messages]


def to_openai_tools(tools: Iterable[Tool]) -> list[JsonObject]:
    """The tools offered: ``{type: function, function: {name, description, parameters, strict}}``; a provider's own
    tool as it came."""
    return [_tool(tool) for tool in tools]


def is_written(message: Message) -> bool:
    """Whether a message was sent empty, or anything of it has a place in this form: else it would read as empty."""
    return not message.parts or any(map(_is_written, message.parts))


def unwritten(messages: Iterable[Message]) -> int:
    """How many parts :func:`to_openai` leaves out."""
    return sum(_unwritten(part) for message in messages for part in message.parts)


def _unwritten(part: Part) -> int:
    if isinstance(part, ToolResult):
        return sum(map(_unwritten, part.parts))
    return int(not _is_written(part))


def _is_written(part: Part) -> bool:
    if isinstance(part, ToolResult):
        return not part.parts or any(map(_is_written, part.parts))
    if isinstance(part, Reasoning):
        return bool(part.text)  # else only its provider can read it
    return isinstance(part, (Text, ToolCall, Refusal)) or _is_there(part)


def _is_there(part: Part) -> bool:
    """Whether a part is an image, a sound or a file of which the data, or where it is, is known."""
    if not isinstance(part, Media):
        return False
    if part.data is not None:
        return not is_cut(part.data)
    return part.uri is not None or part.file_id is not None


def _message(message: Message) -> JsonObject:
    result = message.tool_result
    role = "system" if message.role == "developer" else message.role
    written: dict[str, Any] = {"role": role, "content": _content(result.parts if result is not None else message.parts)}
    if reasoning := message.reasoning:
        written["reasoning_content"] = reasoning
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    if refusals:
        written["refusal"] = "\n".join(refusals)
    if calls := message.tool_calls:
        written["tool_calls"] = [
            {
                **({"id": call.id} if call.id is not None else {}),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments_text or "{}"},
            }
            for call in calls
        ]
    if result is not None and result.id is not None:
        written["tool_call_id"] = result.id
    name = result.name if result is not None and result.name is not None else message.name
    if name is not None:
        written["name"] = name
    if message.unread is not None:
        written["unread"] = message.unread
    return written


def _content(parts: tuple[Part, ...]) -> JsonValue:
    if not any(map(_is_there, parts)):
        return "\n".join(part.text for part in parts if isinstance(part, Text) and part.text)
    return [
        _media(part) if isinstance(part, Media) else {"type": "text", "text": part.text}
        for part in parts
        if isinstance(part, Text) or (isinstance(part, Media) and _is_there(part))
    ]


def _media(part: Media) -> JsonObject:
    address = part.uri
    if part.data is not None:
        address = f"data:{part.mime_type or ''};base64,{part.data}"
    if part.file_id is None and address is not None and part.modality in ("image", "video"):
        kind = f"{part.modality}_url"
        return {"type": kind, kind: {"url": address, **({"detail": part.detail} if part.detail else {})}}
    if part.modality == "audio" and part.data is not None:
        form = _AUDIO_FORMATS.get(part.mime_type or "", (part.mime_type or "").rpartition("/")[2])
        return {"type": "input_audio", "input_audio": {"data": part.data, **({"format": form} if form else {})}}
    held: JsonObject = {"file_id": part.file_id} if part.file_id is not None else {}
    if part.file_id is None and address is not None:
        held["file_data" if part.data is not None else "file_url"] = address
    if part.name is not None:
        held["filename"] = part.name
    return {"type": "file", "file": held}


def _tool(tool: Tool) -> JsonObject:
    if tool.value is not None:
        return tool.value
    function: JsonObject = {"name": tool.name}
    for key, value in (("description", tool.description), ("parameters", tool.parameters), ("strict", tool.strict)):
        if value is not None:
            function[key] = value
    return {"type": "function", "function": function}
