"""Gemini: ``{role, parts: [{text} | {functionCall} | …]}``, its candidates, its stream. Pure.

Keys are camel case on the wire and snake case in its Python SDK; both are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, finished, joined
from atlas_otel.calls.media import media
from atlas_otel.calls.model_call import (
    Choice,
    Message,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolResult,
)
from atlas_otel.calls.parts import UNTYPED, read_parts, tool_call, tool_result
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlas_otel.calls.model_call import Part


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether a mapping has parts of which one does not say its type."""
    parts = value.get("parts")
    if isinstance(parts, dict):
        parts = [parts]
    return isinstance(parts, list) and any(isinstance(one, dict) and not sharing.is_typed(one) for one in parts)


def read_message(value: Mapping[str, Any], role: str) -> Sequence[Message]:
    """One message; one for each answer of a tool."""
    parts = value["parts"]
    return sharing.divided(sharing.role_of(value, role), read_parts(parts), whole=value)


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is what ``generateContent`` answers."""
    return isinstance(value.get("candidates"), list)


def read_answer(value: Mapping[str, Any]) -> Answer:
    """Its candidates, each a choice."""
    choices = []
    for number, one in enumerate(value["candidates"]):
        if not isinstance(one, dict):
            continue
        held = one.get("content")
        said = read_message(held, "assistant") if isinstance(held, dict) and is_message(held) else ()
        reason = sharing.text(one, "finishReason", "finish_reason")
        message = joined(said) if said else Message("assistant", ())
        choices.append(Choice(message, reason, index=number))
    model = sharing.text(value, "modelVersion", "model_version")
    response_id = sharing.text(value, "responseId", "response_id")
    usage = read_usage(value.get("usageMetadata", value.get("usage_metadata")))
    if not choices:
        return finished((), model=model, response_id=response_id, usage=usage)
    return Answer(tuple(choices), model, response_id, usage=usage)


def is_piece(value: object) -> bool:
    """Whether a stream's piece is a part of what ``streamGenerateContent`` answers."""
    return isinstance(value, dict) and is_answer(value)


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The answer that the pieces come to: what each candidate says goes on in the next piece."""
    whole: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for piece in pieces:
        whole.update({key: value for key, value in piece.items() if value is not None})
        for number, one in enumerate(piece["candidates"]):
            if not isinstance(one, dict):
                continue
            index = one.get("index")
            place = index if isinstance(index, int) else number
            held = candidates.setdefault(place, {"content": {"role": "model", "parts": []}})
            content = one.get("content")
            parts = content.get("parts") if isinstance(content, dict) else None
            for part in parts if isinstance(parts, list) else ():
                _add(held["content"]["parts"], part)
            held.update({key: found for key, found in one.items() if key != "content" and found is not None})
    return {**whole, "candidates": [candidates[number] for number in sorted(candidates)]}


def _add(parts: list[Any], part: Any) -> None:
    """Put a part behind the others; a text that goes on from the last one's goes on."""
    if parts and isinstance(part, dict) and isinstance(part.get("text"), str):
        last = parts[-1]
        if isinstance(last.get("text"), str) and bool(last.get("thought")) == bool(part.get("thought")):
            more = {key: value for key, value in part.items() if value is not None}
            parts[-1] = {**last, **more, "text": last["text"] + part["text"]}
            return
    if isinstance(part, dict):
        parts.append(dict(part))


# --- parts ------------------------------------------------------------------------------------------------------------


def _text(value: Mapping[str, Any]) -> Part | None:
    said = value.get("text")
    if not isinstance(said, str):
        return None
    signature = sharing.text(value, "thoughtSignature", "thought_signature")
    return Reasoning(said, signature) if value.get("thought") is True else Text(said)


def _call(value: Mapping[str, Any]) -> Part | None:
    held = sharing.first(value, "functionCall", "function_call")
    return tool_call(held.get("id"), held.get("name"), held.get("args") or {}) if isinstance(held, dict) else None


def _response(value: Mapping[str, Any]) -> ToolResult | None:
    held = sharing.first(value, "functionResponse", "function_response")
    if not isinstance(held, dict):
        return None
    answer = held.get("response")
    failed = isinstance(answer, dict) and set(answer) == {"error"}
    return tool_result(held.get("id"), held.get("name"), answer, error=failed)


def _inline(value: Mapping[str, Any]) -> Part | None:
    held = sharing.first(value, "inlineData", "inline_data")
    return _data(held, None, held.get("data")) if isinstance(held, dict) else None


def _file(value: Mapping[str, Any]) -> Part | None:
    held = sharing.first(value, "fileData", "file_data")
    return _data(held, sharing.first(held, "fileUri", "file_uri"), None) if isinstance(held, dict) else None


def _data(held: Mapping[str, Any], address: Any, data: Any) -> Part | None:
    name = sharing.text(held, "displayName", "display_name")
    mime_type = sharing.text(held, "mimeType", "mime_type")
    return media(None, address=address, data=data, mime_type=mime_type, name=name)


def _code(value: Mapping[str, Any]) -> Part | None:
    held = sharing.first(value, "executableCode", "executable_code")
    return ServerToolCall(None, "code_execution", held)


def _code_result(value: Mapping[str, Any]) -> Part | None:
    held = sharing.first(value, "codeExecutionResult", "code_execution_result")
    return ServerToolResult(None, "code_execution", held)


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any]], Part | None]]] = {
    "text": _text,
    **dict.fromkeys(("functionCall", "function_call"), _call),
    **dict.fromkeys(("functionResponse", "function_response"), _response),
    **dict.fromkeys(("inlineData", "inline_data"), _inline),
    **dict.fromkeys(("fileData", "file_data"), _file),
    **dict.fromkeys(("executableCode", "executable_code"), _code),
    **dict.fromkeys(("codeExecutionResult", "code_execution_result"), _code_result),
}
UNTYPED.update(_PARTS)
