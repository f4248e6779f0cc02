"""The parts of a message, in any provider's form → :data:`~atlas_otel.calls.model_call.Part`. Pure; never raises.

A part is known by its ``type``; what has none (Gemini's, Bedrock's) by its only key. The two dozen types of all wire
forms do not clash: where two providers use one word, they mean the same by it and differ in the keys around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.media import MEDIA
from atlas_otel.calls.model_call import (
    Citation,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from atlas_otel.records.json_text import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.calls.model_call import Part
    from atlas_otel.models.json_types import JsonObject, JsonValue


def read_parts(content: JsonValue) -> tuple[Part, ...]:
    """The parts of a message's content: a text, one part, or a list of both. Nothing is no part; an empty text is."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if isinstance(content, list):
        read = [read_part(one) for one in content if one is not None and not is_control(one)]
        return _one_text(read) if any(isinstance(part, Text) and part.citations for part in read) else tuple(read)
    return (read_part(content),)


def is_control(value: object) -> bool:
    """Whether an entry among parts says nothing: where a cache begins, where an agent's step does."""
    return isinstance(value, dict) and ("cachePoint" in value or value.get("type") == "step-start")


def _one_text(parts: list[Part]) -> tuple[Part, ...]:
    """The parts with texts that only citations part from each other put together, as Anthropic writes them."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Text) and isinstance(last, Text) and (part.citations or last.citations):
            found[-1] = Text(last.text + part.text, last.citations + part.citations)
        else:
            found.append(part)
    return tuple(found)


def read_part(value: JsonValue) -> Part:
    """One part; an :class:`Unknown` that holds it whole where no form is known."""
    if isinstance(value, str):
        return Text(value)
    if not isinstance(value, dict):
        return Unknown(type(value).__name__, value)
    kind = value.get("type")
    if isinstance(kind, str):
        read = PARTS.get(kind)
        part = read(value) if read is not None else None
        if part is not None:
            return part
        if kind.endswith("_call") and isinstance(value.get("id"), str):
            return ServerToolCall(text(value, "id"), kind.removesuffix("_call"), value)
        return Unknown(kind, value)
    for key, read in UNTYPED.items():
        if value.get(key) is not None and (part := read(value)) is not None:
            return part
    return Unknown(next(iter(value), "object"), value)


# --- pieces that readers share ----------------------------------------------------------------------------------------


def text(value: Mapping[str, Any], *keys: str) -> str | None:
    """The first of these keys that holds a text."""
    return next((value[key] for key in keys if isinstance(value.get(key), str)), None)


def text_of(value: JsonValue) -> str:
    """A value as a model reads it: a text as it is, nothing as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value)


def arguments_text(value: JsonValue) -> str:
    """A call's arguments as the model wrote them; of an object, its JSON in the order of its keys."""
    return text_of(value)


def tool_call(call_id: JsonValue, name: JsonValue, arguments: JsonValue) -> ToolCall | None:
    """A call; None where it has no name."""
    if not isinstance(name, str):
        return None
    return ToolCall(_id(call_id), name, arguments_text(arguments))


def tool_result(call_id: JsonValue, name: JsonValue, content: JsonValue, *, error: object = False) -> ToolResult:
    """What a tool answered: a text, a list of parts, or any JSON."""
    failed = error is True or (isinstance(error, str) and error != "")
    named = name if isinstance(name, str) and name else None
    plain = content is None or isinstance(content, str) or _is_parts(content)
    return ToolResult(_id(call_id), named, read_parts(content) if plain else (Text(dump(content)),), failed)


def _is_parts(content: JsonValue) -> bool:
    """Whether a list holds a message's parts, and not a tool's own data."""
    return isinstance(content, list) and bool(content) and all(map(_is_part, content))


def _is_part(value: JsonValue) -> bool:
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            return value["type"] in PARTS
        held = [key for key, one in value.items() if one is not None]
        return len(held) == 1 and held[0] in UNTYPED
    return False


def _id(value: JsonValue) -> str | None:
    if isinstance(value, bool) or value is None or value == "":
        return None
    return value if isinstance(value, str) else dump(value)


def _objects(value: JsonValue) -> tuple[JsonObject, ...]:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


# --- typed parts ------------------------------------------------------------------------------------------------------


def _text(value: Mapping[str, Any]) -> Part | None:
    said = text(value, "text", "content", "value")
    return None if said is None else Text(said, _objects(value.get("annotations") or value.get("citations")))


def _reasoning(value: Mapping[str, Any]) -> Part | None:
    """The conventions', Anthropic's ``thinking``, Mistral's, Vercel's, LangChain's, and an item of Responses."""
    said = text(value, "content", "text", "thinking", "reasoning")
    if said is None:
        for key in ("summary", "content", "thinking", "reasoning"):
            pieces = [text(one, "text", "content") for one in _objects(value.get(key))]
            if any(pieces):
                said = "\n".join(filter(None, pieces))
                break
    encrypted = text(value, "encrypted_content", "data", "encrypted")
    if said is None and encrypted is None and not isinstance(value.get("summary"), list):
        return None
    return Reasoning(said or "", text(value, "signature", "thought_signature"), encrypted, text(value, "id"))


def _refusal(value: Mapping[str, Any]) -> Part | None:
    said = text(value, "refusal", "content", "text")
    return None if said is None else Refusal(said)


def _openai_call(value: Mapping[str, Any]) -> Part | None:
    function = value.get("function")
    held = function if isinstance(function, dict) else value
    return tool_call(value.get("id"), held.get("name"), held.get("arguments", held.get("args")))


def _call(value: Mapping[str, Any]) -> Part | None:
    """The conventions' ``tool_call``, LangChain's, Anthropic's ``tool_use`` and Vercel's ``tool-call``."""
    if isinstance(value.get("function"), dict):
        return _openai_call(value)
    held = next((value[key] for key in ("arguments", "args", "input") if value.get(key) is not None), None)
    call_id = value.get("id", value.get("toolCallId", value.get("call_id")))
    return tool_call(call_id, value.get("name", value.get("toolName")), held)


def _item_call(value: Mapping[str, Any]) -> Part | None:
    """``function_call`` of Responses, whose ``id`` is the item's and not the call's."""
    return tool_call(value.get("call_id", value.get("id")), value.get("name"), value.get("arguments"))


def _item_output(value: Mapping[str, Any]) -> Part | None:
    return tool_result(value.get("call_id"), value.get("name"), value.get("output"))


def _result(value: Mapping[str, Any]) -> Part | None:
    """The conventions' ``tool_call_response``."""
    held = next((value[key] for key in ("response", "result", "content", "output") if key in value), None)
    return tool_result(value.get("id", value.get("call_id")), value.get("name"), held, error=value.get("is_error"))


def _block_result(value: Mapping[str, Any]) -> Part | None:
    """Anthropic's ``tool_result``."""
    return tool_result(
        value.get("tool_use_id", value.get("id")), value.get("name"), value.get("content"), error=value.get("is_error")
    )


def _vercel_result(value: Mapping[str, Any]) -> Part | None:
    held, failed = value.get("output", value.get("result")), value.get("isError")
    if isinstance(held, dict) and isinstance(held.get("type"), str) and "value" in held:
        failed = held["type"].startswith("error") or failed
        held = held["value"] if "json" not in held["type"] or isinstance(held["value"], str) else dump(held["value"])
    return tool_result(value.get("toolCallId"), value.get("toolName"), held, error=failed)


def _server_call(value: Mapping[str, Any]) -> Part | None:
    return ServerToolCall(text(value, "id"), text(value, "name") or str(value["type"]), value.get(_SERVER_CALL, value))


def _server_result(value: Mapping[str, Any]) -> Part | None:
    name = text(value, "name") or str(value["type"]).removesuffix("_tool_result")
    return ServerToolResult(text(value, "tool_use_id", "id"), name, value.get(_SERVER_RESULT, value))


def _citation(value: Mapping[str, Any]) -> Part | None:
    held = value.get("value")
    return Citation(held if isinstance(held, dict) else dict(value))


def _unknown(value: Mapping[str, Any]) -> Part | None:
    """A part that an earlier reader kept whole: perhaps this one knows it."""
    held, kind = value.get("value"), value.get("kind")
    part = read_part(held) if isinstance(held, dict) else None
    known = part is not None and not isinstance(part, Unknown)
    return part if known else Unknown(kind if isinstance(kind, str) else "object", held)


UNKNOWN: Final = "atlas.unknown"
"""The type under which an unknown part is written."""
_SERVER_CALL: Final = "server_tool_call"
_SERVER_RESULT: Final = "server_tool_call_response"

PARTS: Final[Mapping[str, Callable[[Mapping[str, Any]], Part | None]]] = {
    **dict.fromkeys(("text", "output_text", "input_text", "summary_text"), _text),
    **dict.fromkeys(("reasoning", "thinking", "redacted_thinking", "reasoning_text"), _reasoning),
    "refusal": _refusal,
    "function": _openai_call,
    **dict.fromkeys(("tool_call", "tool_use", "tool-call"), _call),
    "function_call": _item_call,
    "custom_tool_call": lambda value: tool_call(value.get("call_id"), value.get("name"), value.get("input")),
    **dict.fromkeys(("function_call_output", "custom_tool_call_output"), _item_output),
    "tool_call_response": _result,
    "tool_result": _block_result,
    "tool-result": _vercel_result,
    **dict.fromkeys((_SERVER_CALL, "server_tool_use", "mcp_tool_use"), _server_call),
    **dict.fromkeys(
        (_SERVER_RESULT, "web_search_tool_result", "code_execution_tool_result", "mcp_tool_result",
         "web_fetch_tool_result", "bash_code_execution_tool_result", "text_editor_code_execution_tool_result"),
        _server_result,
    ),
    **dict.fromkeys(("citation", "source", "reference", "search_result"), _citation),
    **MEDIA,
    UNKNOWN: _unknown,
}  # fmt: skip
"""By ``type``."""


UNTYPED: Final[dict[str, Callable[[Mapping[str, Any]], Part | None]]] = {}
"""By the key that tells; filled in by the readers of Gemini's and Bedrock's forms."""
