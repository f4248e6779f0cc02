"""The GenAI semantic conventions, in their current form and the older ones that are still written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.dialects import reading
from atlas_otel.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.dialects.reading import Table
    from atlas_otel.facts import Facts
    from atlas_otel.semconv import Kind
    from atlas_otel.span_record import Attributes, SpanRecord

NAME: Final = "genai"
FALLBACK: Final = "none"

_KIND_OF_OPERATION: Final[Mapping[str, Kind]] = {
    semconv.OPERATION_CHAT: "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    semconv.OPERATION_EXECUTE_TOOL: "tool",
    semconv.OPERATION_INVOKE_AGENT: "agent",
    "create_agent": "agent",
    "invoke_workflow": "agent",
    "plan": "function",
    "retrieval": "function",
    "embeddings": "function",
}

_OLDER: Final[Table] = {
    semconv.GEN_AI_SYSTEM: ("provider", reading.as_text),
    semconv.GEN_AI_PROMPT: ("input_messages", reading.as_json),
    semconv.GEN_AI_COMPLETION: ("output_messages", reading.as_json),
    semconv.GEN_AI_TOOL_ARGUMENTS_OLD: ("input", reading.as_json),
    semconv.GEN_AI_TOOL_RESULT_OLD: ("output", reading.as_json),
    semconv.GEN_AI_USAGE_PROMPT_TOKENS: ("input_tokens", reading.as_number),
    semconv.GEN_AI_USAGE_COMPLETION_TOKENS: ("output_tokens", reading.as_number),
}


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
    if semconv.GEN_AI_TOOL_NAME in attributes:
        return "tool"
    if semconv.GEN_AI_REQUEST_MODEL in attributes or semconv.GEN_AI_RESPONSE_MODEL in attributes:
        return "llm"
    return "agent" if semconv.GEN_AI_AGENT_NAME in attributes else None


def _facts(span: SpanRecord, kind: Kind, dialect: str) -> Facts:
    fields = reading.collect(span.attributes, reading.COMMON, reading.FALLBACKS, _OLDER)
    for fact, prefix in (("input_messages", semconv.GEN_AI_PROMPT), ("output_messages", semconv.GEN_AI_COMPLETION)):
        if fact not in fields and (messages := _indexed(span.attributes, prefix)) is not None:
            fields[fact] = messages
    workflow = reading.text(span.attributes, semconv.GEN_AI_WORKFLOW_NAME)
    named = {"llm": fields.get("model"), "tool": fields.pop("tool_name", None), "agent": fields.get("agent_name")}
    return reading.finish(span, fields, kind, named.get(kind) or workflow, dialect)


def _indexed(attributes: Attributes, prefix: str) -> JsonText | None:
    """Messages spread over ``<prefix>.<n>.role`` and ``<prefix>.<n>.content``, as one list in the conventions' form."""
    found: dict[int, dict[str, object]] = {}
    for key, value in attributes.items():
        if not key.startswith(prefix + "."):
            continue
        index, _, field = key[len(prefix) + 1 :].partition(".")
        if index.isascii() and index.isdigit() and len(index) < 7 and field:
            found.setdefault(int(index), {})[field] = value
    if not found:
        return None
    messages = []
    for _, fields in sorted(found.items()):
        parts: list[object] = []
        if (content := fields.get("content")) is not None:
            parts.append({"type": "text", "content": content})
        parts.extend(_tool_calls(fields))
        messages.append({"role": fields.get("role", "user"), "parts": parts})
    return JsonText(dump(messages))


def _tool_calls(fields: Mapping[str, object]) -> list[object]:
    calls: dict[int, dict[str, object]] = {}
    for name, value in fields.items():
        head, _, rest = name.partition(".")
        index, _, field = rest.partition(".")
        if head == "tool_calls" and index.isascii() and index.isdigit() and len(index) < 7 and field:
            calls.setdefault(int(index), {})[field] = value
    return [{"type": "tool_call", **call} for _, call in sorted(calls.items())]
