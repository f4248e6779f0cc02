"""The GenAI semantic conventions, in their current form and the older ones that are still written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.calls.messages import NOT_RECORDED, unread
from atlas_otel.calls.writing import write_message
from atlas_otel.projection.dialects import calling, genai_events, reading
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
    "invoke_workflow": "agent",  # merged into invoke_agent by v0.1.0 of the conventions
    "plan": "function",
    "retrieval": "function",
    "embeddings": "function",
}
_THINKING: Final = "thinking"
"""The role that OpenLLMetry gave to reasoning."""
_NO_CALL: Final = re.compile(
    "embed|rerank|image|transcri|speech|audio|moderat|retriev|search|upload|file|batch|ocr|guard|memory|vector"
)
"""In the name of an operation that is none of a chat model, though it names a model and what it used."""
_MAKES_IDS_UP: Final = frozenset({semconv.ADK_SCOPE, semconv.GOOGLE_GENAI_SCOPE})
"""Scopes of instrumentations that name Gemini's calls and results, which have no ids, after the tool and their place in
a message: a result then bears another call's id."""
_SAYS: Final = (
    semconv.GEN_AI_INPUT_MESSAGES,
    semconv.GEN_AI_OUTPUT_MESSAGES,
    semconv.GEN_AI_PROMPT,
    semconv.GEN_AI_COMPLETION,
    semconv.GEN_AI_USAGE_INPUT_TOKENS,
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
    semconv.GEN_AI_USAGE_PROMPT_TOKENS,
    semconv.GEN_AI_RESPONSE_FINISH_REASONS,
    semconv.GEN_AI_PROMPT + ".0.role",
    semconv.GEN_AI_PROMPT + ".0.content",
)
"""What a model call holds, whatever its operation is called (LiteLLM's are named after its functions)."""

OLDER: Final[Table] = {
    semconv.GEN_AI_SYSTEM: ("provider", reading.as_text),
    semconv.GEN_AI_PROMPT: ("input_messages", reading.as_json),
    semconv.GEN_AI_COMPLETION: ("output_messages", reading.as_json),
    semconv.GEN_AI_TOOL_CALL_ID_OLD: ("tool_call_id", reading.as_text),
    semconv.GEN_AI_TOOL_ARGUMENTS_OLD: ("input", reading.as_json),
    semconv.GEN_AI_TOOL_RESULT_OLD: ("output", reading.as_json),
    semconv.GEN_AI_USAGE_PROMPT_TOKENS: ("input_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_COMPLETION_TOKENS: ("output_tokens", reading.as_number),
    semconv.LLM_USAGE_TOTAL_TOKENS: ("total_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_CACHE_READ_OLD: ("cached_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_CACHE_WRITE_OLD: ("cache_write_tokens", reading.as_number),
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
    kind = kind_of(span.attributes)
    return None if kind is None else facts(span, kind, NAME)


def read_any(span: SpanRecord) -> Facts:
    """What can be said of a span that no dialect knows: its name, its times and how it went."""
    return facts(span, "function", FALLBACK)


def kind_of(attributes: Attributes) -> Kind | None:
    """What a span is: by the operation that it names, else by what it holds; None where it holds nothing of GenAI's."""
    operation = reading.text(attributes, semconv.GEN_AI_OPERATION_NAME)
    known = _KIND_OF_OPERATION.get(operation or "")
    if known is not None:
        return known
    request = reading.text(attributes, semconv.LLM_REQUEST_TYPE)
    if request is not None and operation is None:
        return "function" if _NO_CALL.search(request) else "llm"
    named = semconv.GEN_AI_REQUEST_MODEL in attributes or semconv.GEN_AI_RESPONSE_MODEL in attributes
    if operation is not None:
        says = named and any(key in attributes for key in _SAYS)
        return "llm" if says and not _NO_CALL.search(operation) else "function"
    if semconv.GEN_AI_TOOL_NAME in attributes:
        return "tool"
    if named:
        return "llm"
    return "agent" if semconv.GEN_AI_AGENT_NAME in attributes else None


def facts(span: SpanRecord, kind: Kind, dialect: str) -> Facts:
    """The facts of a span that is known to be a ``kind``."""
    return named(span, fields_of(span), kind, dialect)


def fields_of(span: SpanRecord) -> dict[str, Any]:
    """The facts that the conventions' attributes and events of a span hold, in all their versions."""
    fields = reading.collect(span.attributes, reading.COMMON, reading.FALLBACKS, OLDER)
    _read_indexed(span.attributes, fields)
    for fact, found in genai_events.messages(span).items():
        fields.setdefault(fact, found)
    return fields


def named(span: SpanRecord, fields: dict[str, Any], kind: Kind, dialect: str) -> Facts:
    """Facts from these fields, under the name of the model, the tool or the agent."""
    if span.scope in _MAKES_IDS_UP:
        for fact in ("input_messages", "output_messages"):
            if fact in fields:
                fields[fact] = calling.without_made_up_ids(fields[fact])
    workflow = reading.text(span.attributes, semconv.GEN_AI_WORKFLOW_NAME)
    names = {"llm": fields.get("model"), "tool": fields.pop("tool_name", None), "agent": fields.get("agent_name")}
    return reading.finish(span, fields, kind, names.get(kind) or workflow, dialect)


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
        if said := [_message(one, role) for one in found if one]:
            fields[fact] = JsonText(dump(said))
        reasons = tuple(reason for one in found if isinstance(reason := one.get("finish_reason"), str))
        if reasons:
            fields.setdefault("finish_reasons", reasons)
    if "tool_definitions" not in fields and (tools := listed(attributes, semconv.LLM_REQUEST_FUNCTIONS)):
        fields["tool_definitions"] = JsonText(dump(tools))


def _message(held: Mapping[str, Any], role: str) -> dict[str, Any]:
    """A message as OpenLLMetry spreads it; its content may be the JSON of parts, in any provider's form."""
    said_by, content = held.get("role", role), calling.opened_parts(held.get("content"))
    if said_by == _THINKING:
        return {"role": "assistant", "content": [{"type": "reasoning", "content": held.get("content")}]}
    said = {"role": said_by, "content": content}
    calls = [mapping(call) for call in sequence(held.get("tool_calls"))]
    calls += [call] if (call := mapping(held.get("function_call"))) else []
    known = (
        {call_id for one in content if isinstance(one, dict) and (call_id := one.get("id"))}
        if isinstance(content, list)
        else ()
    )
    calls = [call for call in calls if call.get("id") is None or call["id"] not in known]
    if calls:
        said["tool_calls"] = calls
    for key in ("tool_call_id", "name", "refusal"):
        if held.get(key) is not None:
            said[key] = held[key]
    if held.get("reasoning"):
        said["reasoning_content"] = held["reasoning"]
    if role == "user" and held.keys() <= {"role", "name"}:
        return write_message(unread(dict(held), NOT_RECORDED, str(said_by)))
    return said
