"""``{role, content, tool_calls?, tool_call_id?, …}``: OpenAI's chat completions, and the many that took it over. Pure.

Anthropic's messages have the same outer form, their ``content`` being blocks: :mod:`~atlas_otel.calls.parts` tells them
apart by type. Mistral, Ollama (``images``, ``thinking``), Cohere (``tool_plan``) and servers of open models
(``reasoning_content``) add keys of their own, read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.media import media
from atlas_otel.calls.model_call import Citation, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown
from atlas_otel.calls.parts import read_part, read_parts, tool_call, tool_result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.calls.model_call import Message, Part

_SAYS: Final = ("content", "tool_calls", "function_call", "refusal", "reasoning_content", "audio", "images", "message")
_THOUGHT: Final = ("reasoning_content", "reasoning", "thinking", "tool_plan")
"""DeepSeek and vLLM before 0.12; vLLM since, OpenRouter; Ollama; Cohere."""
_ANSWERS: Final = frozenset({"tool", "function", "tool-response", "TOOL"})


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether a mapping has a role and says something, or could."""
    return isinstance(value.get("role"), str) and any(key in value for key in _SAYS)


def read_message(value: Mapping[str, Any], role: str) -> Sequence[Message]:
    """One message; one for each answer where Anthropic's user message holds several tools' results."""
    said_by = sharing.role_of(value, role)
    content = value.get("content", value.get("message"))
    parts = read_parts(content)
    if value.get("role", "") in _ANSWERS and not any(isinstance(part, ToolResult) for part in parts):
        call_id = sharing.first(value, "tool_call_id", "tool_use_id", "call_id", "id")
        name = sharing.first(value, "name", "tool_name")
        failed = value.get("is_error", value.get("status") == "error")
        return sharing.divided("tool", (tool_result(call_id, name, content, error=failed),), whole=value)
    said = (*_thoughts(value), *parts, *_others(value))
    return sharing.divided(said_by, said, name=sharing.text(value, "name"), whole=value)


def _thoughts(value: Mapping[str, Any]) -> Iterator[Part]:
    """Reasoning that stands beside the content; none where the content holds it too."""
    if sharing.holds(value.get("content"), "thinking", "reasoning", "redacted_thinking"):
        return
    for key in _THOUGHT:
        said = value.get(key)
        if isinstance(said, str) and said:
            yield Reasoning(said)
            return
        if isinstance(said, dict):
            part = read_part({"type": "reasoning", **said})
            if isinstance(part, Reasoning):
                yield part
                return
    details = value.get("reasoning_details")  # OpenRouter's, with signatures
    for one in details if isinstance(details, list) else ():
        if isinstance(one, dict):
            yield Reasoning(
                sharing.text(one, "text", "summary") or "", sharing.text(one, "signature"), sharing.text(one, "data")
            )


def _others(value: Mapping[str, Any]) -> Iterator[Part]:
    """What stands beside the content: a refusal, sounds, images, calls."""
    refusal = value.get("refusal")
    if isinstance(refusal, str) and refusal:
        yield Refusal(refusal)
    audio = value.get("audio")
    if isinstance(audio, dict):
        yield from _audio(audio)
    for note in _list(value.get("annotations")):
        if isinstance(note, dict):
            yield Citation(note)
    for image in _list(value.get("images")):
        held = image.get("image_url") if isinstance(image, dict) else image
        part = media("image", data=held) if isinstance(held, str) else read_part(image)
        if part is not None:
            yield part
    given = value.get("tool_calls")
    for call in (*_list(given), *_list(value.get("invalid_tool_calls"))):  # LangChain's, whose arguments are no JSON
        yield read_call(call)
    function = value.get("function_call")
    if isinstance(function, dict):
        yield tool_call(None, function.get("name"), function.get("arguments")) or Unknown("function_call", function)


def _audio(audio: Mapping[str, Any]) -> Iterator[Part]:
    part = media("audio", data=audio.get("data"), file_id=audio.get("id"))
    if audio.get("data"):
        part = media("audio", data=audio["data"])
    if part is not None:
        yield part
    said = sharing.text(audio, "transcript")
    if said:
        yield Text(said)


def read_call(call: Any) -> Part:
    """One of a message's ``tool_calls``."""
    if isinstance(call, dict):
        function = call.get("function", call.get("custom"))
        held = function if isinstance(function, dict) else call
        arguments = sharing.first(held, "arguments", "args", "input", "parameters")
        found = tool_call(sharing.first(call, "id", "call_id", "tool_call_id"), held.get("name"), arguments)
        if isinstance(found, ToolCall):
            return found
    return Unknown("tool_call", call)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
