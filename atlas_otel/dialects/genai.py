"""The GenAI semantic conventions, in their current form and the older ones that are still written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.dialects import reading
from atlas_otel.facts import Facts
from atlas_otel.json_text import JsonText, dump
from atlas_otel.models.plan import step_number

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries GenAI attributes; None for any other."""
    attributes = span.attributes
    operation = reading.text(attributes, semconv.GEN_AI_OPERATION_NAME)
    kind = _KIND_OF_OPERATION.get(operation or "") or _guess(attributes)
    if operation is None and kind is None:
        return None
    return _facts(span, kind or "function", NAME, operation)


def read_any(span: SpanRecord) -> Facts:
    """What can be said of a span that no dialect knows: its name, its times and how it went."""
    return _facts(span, "function", FALLBACK, None)


def _guess(attributes: Attributes) -> Kind | None:
    """Older producers name no operation."""
    if semconv.GEN_AI_TOOL_NAME in attributes:
        return "tool"
    if semconv.GEN_AI_REQUEST_MODEL in attributes or semconv.GEN_AI_RESPONSE_MODEL in attributes:
        return "llm"
    return "agent" if semconv.GEN_AI_AGENT_NAME in attributes else None


def _facts(span: SpanRecord, kind: Kind, dialect: str, operation: str | None) -> Facts:
    attributes = span.attributes
    model = reading.text(attributes, semconv.GEN_AI_REQUEST_MODEL, semconv.GEN_AI_RESPONSE_MODEL)
    agent = reading.text(attributes, semconv.GEN_AI_AGENT_NAME)
    tool = reading.text(attributes, semconv.GEN_AI_TOOL_NAME)
    named = {"llm": model, "tool": tool, "agent": agent or reading.text(attributes, semconv.GEN_AI_WORKFLOW_NAME)}
    given, got = semconv.GEN_AI_TOOL_CALL_ARGUMENTS, semconv.GEN_AI_TOOL_CALL_RESULT
    return Facts(
        kind=kind,
        name=named.get(kind) or span.name,
        dialect=dialect,
        operation=operation,
        model=model,
        provider=reading.text(attributes, semconv.GEN_AI_PROVIDER_NAME, semconv.GEN_AI_SYSTEM),
        agent_name=agent,
        input=reading.json_text(attributes, given, semconv.GEN_AI_TOOL_ARGUMENTS_OLD, semconv.ATLAS_INPUT),
        output=reading.json_text(attributes, got, semconv.GEN_AI_TOOL_RESULT_OLD, semconv.ATLAS_OUTPUT),
        input_messages=reading.json_text(attributes, semconv.GEN_AI_INPUT_MESSAGES, semconv.GEN_AI_PROMPT)
        or _indexed(attributes, semconv.GEN_AI_PROMPT),
        output_messages=reading.json_text(attributes, semconv.GEN_AI_OUTPUT_MESSAGES, semconv.GEN_AI_COMPLETION)
        or _indexed(attributes, semconv.GEN_AI_COMPLETION),
        system_instructions=reading.json_text(attributes, semconv.GEN_AI_SYSTEM_INSTRUCTIONS),
        tool_definitions=reading.json_text(attributes, semconv.GEN_AI_TOOL_DEFINITIONS),
        tool_call_id=reading.text(attributes, semconv.GEN_AI_TOOL_CALL_ID),
        usage=reading.usage(attributes),
        finish_reasons=reading.texts(attributes, semconv.GEN_AI_RESPONSE_FINISH_REASONS),
        error=reading.failure(span),
        metadata=reading.json_text(attributes, semconv.ATLAS_METADATA),
        tags=reading.texts(attributes, semconv.ATLAS_TAGS),
        user_id=reading.text(attributes, semconv.ATLAS_USER_ID),
        conversation_id=reading.text(attributes, semconv.GEN_AI_CONVERSATION_ID),
        declared_session=reading.text(attributes, semconv.ATLAS_SESSION_ID),
        step_id=step_number(attributes.get(semconv.ATLAS_STEP_ID)),
        step_attempt=step_number(attributes.get(semconv.ATLAS_STEP_ATTEMPT), least=1),
        unfinished=reading.text(attributes, semconv.ATLAS_UNFINISHED),
        rewards=reading.evaluations(span),
    )


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
