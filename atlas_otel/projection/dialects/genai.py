"""The GenAI semantic conventions, in their current form and the older ones that are still written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import genai_events, reading
from atlas_otel.projection.dialects.conversation import (
    as_messages,
    message,
    parts_of_text,
    reasoning_part,
    tool_call,
)
from atlas_otel.projection.dialects.indexed import listed, mapping, sequence
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "genai"
FALLBACK: Final = "none"

_KIND_OF_OPERATION: Final[Mapping[str, Kind]] = {
    semconv.OPERATION_CHAT: "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    semconv.OPERATION_EXECUTE_TOOL: "tool",
    semconv.OPERATION_INVOKE_AGENT: "agent",
    "create_agent": "function",  # it does nothing of a task; frameworks write it, in a trace of its own, as they begin
    "invoke_workflow": "agent",
    "plan": "function",
    "retrieval": "function",
    "embeddings": "function",
}
_THINKING: Final = "thinking"
"""The role that OpenLLMetry gave to reasoning."""
_KIND_OF_REQUEST: Final[Mapping[str, Kind]] = {"chat": "llm", "completion": "llm", "responses": "llm"}
"""``llm.request.type`` of OpenLLMetry; any other (embedding, rerank) is a function."""

OLDER: Final[Table] = {
    semconv.GEN_AI_SYSTEM: ("provider", reading.as_text),
    semconv.GEN_AI_PROMPT: ("input_messages", reading.as_json),
    semconv.GEN_AI_COMPLETION: ("output_messages", reading.as_json),
    semconv.GEN_AI_TOOL_ARGUMENTS_OLD: ("input", reading.as_json),
    semconv.GEN_AI_TOOL_RESULT_OLD: ("output", reading.as_json),
    semconv.GEN_AI_USAGE_PROMPT_TOKENS: ("input_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_COMPLETION_TOKENS: ("output_tokens", reading.as_number),
    semconv.LLM_USAGE_TOTAL_TOKENS: ("total_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_CACHE_READ_OLD: ("cached_tokens", reading.as_number),
    semconv.PYDANTIC_AI_CACHE_READ_TOKENS: ("cached_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: ("cache_write_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_CACHE_CREATION_OLD: ("cache_write_tokens", reading.as_number),
    semconv.PYDANTIC_AI_CACHE_WRITE_TOKENS: ("cache_write_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_REASONING_TOKENS: ("reasoning_tokens", reading.as_number),
    semconv.LLM_USAGE_REASONING_TOKENS: ("reasoning_tokens", reading.as_number),
    semconv.PYDANTIC_AI_REASONING_TOKENS: ("reasoning_tokens", reading.as_number),
    semconv.GEN_AI_RESPONSE_FINISH_REASON: ("finish_reasons", reading.as_texts),
    semconv.GEN_AI_RESPONSE_STOP_REASON: ("finish_reasons", reading.as_texts),
    semconv.LLM_RESPONSE_FINISH_REASON: ("finish_reasons", reading.as_texts),
    semconv.LLM_RESPONSE_STOP_REASON: ("finish_reasons", reading.as_texts),
}
"""Names of earlier versions, and those that OpenLLMetry put in their place."""


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries GenAI attributes; None for any other."""
    attributes = span.attributes
    operation = reading.text(attributes, semconv.GEN_AI_OPERATION_NAME)
    kind = _KIND_OF_OPERATION.get(operation or "") or _guess(attributes)
    if operation is None and kind is None:
        return None
    return _facts(span, kind or "function", NAME)


def read_any(span: SpanRecord) -> Facts:
    """What can be said of a span that no dialect knows: its name, its times and how it went."""
    return _facts(span, "function", FALLBACK)


def _guess(attributes: Attributes) -> Kind | None:
    """Older producers name no operation."""
    request = reading.text(attributes, semconv.LLM_REQUEST_TYPE)
    if request is not None:
        return _KIND_OF_REQUEST.get(request, "function")
    if semconv.GEN_AI_TOOL_NAME in attributes:
        return "tool"
    if semconv.GEN_AI_REQUEST_MODEL in attributes or semconv.GEN_AI_RESPONSE_MODEL in attributes:
        return "llm"
    return "agent" if semconv.GEN_AI_AGENT_NAME in attributes else None


def _facts(span: SpanRecord, kind: Kind, dialect: str) -> Facts:
    fields = reading.collect(span.attributes, reading.COMMON, reading.FALLBACKS, OLDER)
    _read_indexed(span.attributes, fields)
    for fact, found in genai_events.messages(span).items():
        fields.setdefault(fact, found)
    workflow = reading.text(span.attributes, semconv.GEN_AI_WORKFLOW_NAME)
    named = {"llm": fields.get("model"), "tool": fields.pop("tool_name", None), "agent": fields.get("agent_name")}
    return reading.finish(span, fields, kind, named.get(kind) or workflow, dialect)


def _read_indexed(attributes: Attributes, fields: dict[str, Any]) -> None:
    """Messages spread over ``gen_ai.prompt.<n>.role``, ``.content``, ``.tool_calls.<m>.name`` …, and tools over
    ``llm.request.functions.<n>.name`` …"""
    for fact, prefix, role in (
        ("input_messages", semconv.GEN_AI_PROMPT, "user"),
        ("output_messages", semconv.GEN_AI_COMPLETION, "assistant"),
    ):
        if fact in fields:
            continue
        found = [mapping(one) for one in listed(attributes, prefix)]
        if (messages := as_messages([_message(one, role) for one in found])) is not None:
            fields[fact] = messages
        reasons = tuple(reason for one in found if isinstance(reason := one.get("finish_reason"), str))
        if reasons:
            fields.setdefault("finish_reasons", reasons)
    if "tool_definitions" not in fields and (tools := listed(attributes, semconv.LLM_REQUEST_FUNCTIONS)):
        fields["tool_definitions"] = JsonText(
            dump([{**mapping(one), "parameters": _schema(mapping(one).get("parameters"))} for one in tools])
        )


def _schema(value: object) -> object:
    return JsonText(value) if isinstance(value, str) else value


def _message(held: Mapping[str, Any], role: str) -> dict[str, Any]:
    calls = [
        tool_call(call.get("id"), call.get("name"), call.get("arguments"))
        for call in map(mapping, sequence(held.get("tool_calls")))
    ]
    said_by, content = held.get("role", role), parts_of_text(held.get("content"))
    thought = [reasoning_part(held["reasoning"])] if held.get("reasoning") else []
    if said_by == _THINKING:
        said_by, thought, content = "assistant", [reasoning_part(held.get("content"))], None
    return message(
        said_by,
        content=[*thought, *_as_parts(content)] if thought else content,
        tool_calls=calls,
        tool_call_id=held.get("tool_call_id"),
    )


def _as_parts(content: object) -> list[Any]:
    if isinstance(content, list):
        return content
    return [] if content is None or content == "" else [content]
