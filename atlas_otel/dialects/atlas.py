"""Our own spans: what the decorators, context managers and pushed steps write, here or in another language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.dialects import reading
from atlas_otel.facts import Facts
from atlas_otel.models.plan import step_number

if TYPE_CHECKING:
    from atlas_otel.span_record import SpanRecord

NAME: Final = "atlas"
_KINDS: Final = frozenset(semconv.KINDS)


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries ``atlas.kind``; None for any other."""
    attributes = span.attributes
    kind = attributes.get(semconv.ATLAS_KIND, span.kind)
    if kind not in _KINDS:
        return None
    tool = kind == "tool"
    model = reading.text(attributes, semconv.GEN_AI_REQUEST_MODEL, semconv.GEN_AI_RESPONSE_MODEL)
    agent = reading.text(attributes, semconv.GEN_AI_AGENT_NAME)
    name = reading.text(attributes, semconv.ATLAS_NAME)
    if kind == "llm":
        name = model or name
    elif tool:
        name = reading.text(attributes, semconv.GEN_AI_TOOL_NAME) or name
    elif kind in ("session", "agent"):
        name = name or agent
    inputs = (semconv.GEN_AI_TOOL_CALL_ARGUMENTS, semconv.ATLAS_INPUT) if tool else (semconv.ATLAS_INPUT,)
    outputs = (semconv.GEN_AI_TOOL_CALL_RESULT, semconv.ATLAS_OUTPUT) if tool else (semconv.ATLAS_OUTPUT,)
    return Facts(
        kind=kind,
        name=name or span.name,
        dialect=NAME,
        operation=reading.text(attributes, semconv.GEN_AI_OPERATION_NAME),
        model=model,
        provider=reading.text(attributes, semconv.GEN_AI_PROVIDER_NAME),
        agent_name=agent,
        task=task if isinstance(task := attributes.get(semconv.ATLAS_TASK), str) else None,
        input=reading.json_text(attributes, *inputs),
        output=reading.json_text(attributes, *outputs),
        input_messages=reading.json_text(attributes, semconv.GEN_AI_INPUT_MESSAGES),
        output_messages=reading.json_text(attributes, semconv.GEN_AI_OUTPUT_MESSAGES),
        system_instructions=reading.json_text(attributes, semconv.GEN_AI_SYSTEM_INSTRUCTIONS),
        tool_definitions=reading.json_text(attributes, semconv.GEN_AI_TOOL_DEFINITIONS),
        tool_call_id=reading.text(attributes, semconv.GEN_AI_TOOL_CALL_ID),
        usage=reading.usage(attributes),
        finish_reasons=reading.texts(attributes, semconv.GEN_AI_RESPONSE_FINISH_REASONS),
        error=reading.failure(span),
        stream_chunks=reading.number(attributes, semconv.ATLAS_STREAM_CHUNKS),
        stream_incomplete=attributes.get(semconv.ATLAS_STREAM_INCOMPLETE) is True,
        metadata=reading.json_text(attributes, semconv.ATLAS_METADATA),
        tags=reading.texts(attributes, semconv.ATLAS_TAGS),
        user_id=reading.text(attributes, semconv.ATLAS_USER_ID),
        conversation_id=reading.text(attributes, semconv.GEN_AI_CONVERSATION_ID),
        declared_session=reading.text(attributes, semconv.ATLAS_SESSION_ID),
        step_id=step_number(attributes.get(semconv.ATLAS_STEP_ID)),
        step_attempt=step_number(attributes.get(semconv.ATLAS_STEP_ATTEMPT), least=1),
        step_description=reading.text(attributes, semconv.ATLAS_STEP_DESCRIPTION) or "",
        pushed_uuid=reading.text(attributes, semconv.ATLAS_PUSHED_UUID),
        unfinished=reading.text(attributes, semconv.ATLAS_UNFINISHED),
        rewards=reading.evaluations(span),
    )
