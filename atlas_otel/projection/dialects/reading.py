"""How every dialect reads attributes: leniently, since other programs write them. Nothing here raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from atlas_otel import semconv
from atlas_otel.calls.model_call import Usage
from atlas_otel.models.evaluation import DEFAULT_REWARD_NAME, Reward, finite
from atlas_otel.models.plan import step_number
from atlas_otel.projection.dialects import calling
from atlas_otel.projection.facts import Facts, Failure
from atlas_otel.records.json_text import JsonText, dump
from atlas_otel.records.record import STATUS_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind


Parser: TypeAlias = "Callable[[object], object]"
"""An attribute's value → what the fact is, or None where the value is none."""
Table: TypeAlias = "Mapping[str, tuple[str, Parser]]"
"""Attribute → the fact that it is, and how it is read."""


def collect(attributes: Attributes, *tables: Table) -> dict[str, Any]:
    """The facts that a span's attributes hold; of several tables, the earlier one's attributes win."""
    facts: dict[str, Any] = {}
    for table in tables:
        if table.keys().isdisjoint(attributes):
            continue
        found: dict[str, Any] = {}
        for key, value in attributes.items():
            entry = table.get(key)
            if entry is not None:
                read = entry[1](value)
                if read is not None:
                    found[entry[0]] = read
        facts = {**found, **facts} if facts else found
    return facts


def as_text(value: object) -> str | None:
    """A non-empty text."""
    return value if isinstance(value, str) and value else None


def as_any_text(value: object) -> str | None:
    """A text, also an empty one."""
    return value if isinstance(value, str) else None


def as_number(value: object) -> int | None:
    """A whole number, as a number or as digits."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_texts(value: object) -> tuple[str, ...] | None:
    """A list of texts; a single text counts as a list of one. A store without lists (Jaeger's) gives them as JSON."""
    if isinstance(value, str):
        listed = JsonText(value).value if value.startswith("[") and value.endswith("]") else None
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            return (value,) if value else None
        value = listed
    if isinstance(value, Sequence):
        return tuple(one for one in value if isinstance(one, str))
    return None


def as_json(value: object) -> JsonText | None:
    """JSON: a text is taken to be JSON already, anything else is written so."""
    if isinstance(value, str):
        return JsonText(value)
    return None if value is None else JsonText(dump(value))


def as_string(value: object) -> JsonText | None:
    """A text as a JSON string."""
    return JsonText(dump(value)) if isinstance(value, str) else None


def as_true(value: object) -> bool | None:
    """True; anything else is nothing."""
    return True if value is True else None


def as_step(value: object) -> int | None:
    """A step's id."""
    return step_number(value)


def as_attempt(value: object) -> int | None:
    """The number of an attempt."""
    return step_number(value, least=1)


COMMON: Final[Table] = {
    semconv.GEN_AI_OPERATION_NAME: ("operation", as_text),
    semconv.GEN_AI_PROVIDER_NAME: ("provider", as_text),
    semconv.GEN_AI_REQUEST_MODEL: ("model", as_text),
    semconv.GEN_AI_AGENT_NAME: ("agent_name", as_text),
    semconv.GEN_AI_CONVERSATION_ID: ("conversation_id", as_text),
    semconv.GEN_AI_INPUT_MESSAGES: ("input_messages", as_json),
    semconv.GEN_AI_OUTPUT_MESSAGES: ("output_messages", as_json),
    semconv.GEN_AI_SYSTEM_INSTRUCTIONS: ("system_instructions", as_json),
    semconv.GEN_AI_TOOL_DEFINITIONS: ("tool_definitions", as_json),
    semconv.GEN_AI_TOOL_NAME: ("tool_name", as_text),
    semconv.GEN_AI_TOOL_CALL_ID: ("tool_call_id", as_text),
    semconv.GEN_AI_RESPONSE_ID: ("response_id", as_text),
    semconv.GEN_AI_RESPONSE_MODEL: ("response_model", as_text),
    semconv.ATLAS_LLM_PREVIOUS_RESPONSE_ID: ("previous_response_id", as_text),
    semconv.ATLAS_LLM_TOKENS: ("tokens", as_json),
    semconv.GEN_AI_TOOL_CALL_ARGUMENTS: ("input", as_json),
    semconv.GEN_AI_TOOL_CALL_RESULT: ("output", as_json),
    semconv.GEN_AI_RESPONSE_FINISH_REASONS: ("finish_reasons", as_texts),
    semconv.GEN_AI_USAGE_INPUT_TOKENS: ("input_tokens", as_number),
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS: ("output_tokens", as_number),
    semconv.GEN_AI_USAGE_TOTAL_TOKENS: ("total_tokens", as_number),
    semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: ("cached_tokens", as_number),
    semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: ("cache_write_tokens", as_number),
    semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: ("reasoning_tokens", as_number),
    semconv.ATLAS_SESSION_ID: ("declared_session", as_text),
    semconv.ATLAS_STEP_ID: ("step_id", as_step),
    semconv.ATLAS_STEP_ATTEMPT: ("step_attempt", as_attempt),
    semconv.ATLAS_METADATA: ("metadata", as_json),
    semconv.ATLAS_TAGS: ("tags", as_texts),
    semconv.ATLAS_USER_ID: ("user_id", as_text),
    semconv.ATLAS_UNFINISHED: ("unfinished", as_text),
}
"""What the conventions name, and what we stamp on every span."""

FALLBACKS: Final[Table] = {
    semconv.GEN_AI_RESPONSE_MODEL: ("model", as_text),
    semconv.SESSION_ID: ("conversation_id", as_text),
    semconv.LANGFUSE_SESSION_ID: ("conversation_id", as_text),
    semconv.THREAD_ID: ("conversation_id", as_text),
    semconv.ATLAS_INPUT: ("input", as_json),
    semconv.ATLAS_OUTPUT: ("output", as_json),
}
"""The same facts, where the attribute meant for them is missing."""


def finish(span: SpanRecord, fields: dict[str, Any], kind: Kind, name: str | None, dialect: str) -> Facts:
    """Facts from what :func:`collect` found, with what stands on the span itself."""
    fields.pop("tool_name", None)  # of a span that is no tool's
    calling.canonical(fields, kind)
    usage = None
    if not fields.keys().isdisjoint(_COUNTS):
        usage = whole_input(Usage(**{name: fields.pop(name, None) for name in _COUNTS}))
    return Facts(
        kind=kind,
        name=name or span.name,
        dialect=dialect,
        usage=usage if usage != _NO_USAGE else None,
        error=failure(span),
        rewards=evaluations(span) if span.events else (),
        **fields,
    )


def whole_input(usage: Usage) -> Usage:
    """The use of tokens with the cached ones in its input (as the conventions count), where the counts tell that a
    producer counted them beside it."""
    given, came, total = usage.input_tokens, usage.output_tokens or 0, usage.total_tokens
    beside = (usage.cached_tokens or 0) + (usage.cache_write_tokens or 0)
    if given is None or not beside:
        return usage
    if beside > given:  # Anthropic's and Bedrock's count, whatever the total says: a part is no larger than the whole
        return replace(usage, input_tokens=given + beside)
    if total is None or given + came == total:
        return usage
    return replace(usage, input_tokens=given + beside) if given + beside + came == total else usage


_COUNTS: Final = (
    *("input_tokens", "output_tokens", "total_tokens"),
    *("cached_tokens", "cache_write_tokens", "reasoning_tokens"),
)
_NO_USAGE: Final = Usage()


def text(attributes: Attributes, key: str) -> str | None:
    """An attribute that is a non-empty text."""
    return as_text(attributes.get(key))


def failure(span: SpanRecord) -> Failure | None:
    """How the span failed: from its status, ``error.type`` and its last exception event; None where it did not."""
    error_type = text(span.attributes, semconv.ERROR_TYPE)
    if span.status != STATUS_ERROR and error_type is None:
        return None
    exception: Attributes = {}
    for event in span.events:
        if event.name == semconv.EVENT_EXCEPTION:
            exception = event.attributes
    found = error_type or text(exception, semconv.EXCEPTION_TYPE) or ""
    message = text(exception, semconv.EXCEPTION_MESSAGE)
    status = span.status_message or ""
    if not found:
        head, colon, rest = status.partition(": ")
        named = colon and head.isidentifier()
        found, status = (head, rest) if named else ("error", status)
    if message is None:
        # The status reads "Type: message": the type is known already.
        head, colon, rest = status.partition(": ")
        message = rest if colon and head == found.rpartition(".")[2] else status
        if message == found.rpartition(".")[2]:
            message = ""
    return Failure(found, message, text(exception, semconv.EXCEPTION_STACKTRACE) or "")


def evaluations(span: SpanRecord) -> tuple[Reward, ...]:
    """``gen_ai.evaluation.result`` events that stand on the span itself (other producers' scores)."""
    return tuple(
        Reward(
            time_ns=event.time_ns,
            name=text(event.attributes, semconv.GEN_AI_EVALUATION_NAME) or DEFAULT_REWARD_NAME,
            score=finite(event.attributes.get(semconv.GEN_AI_EVALUATION_SCORE)),
            label=text(event.attributes, semconv.GEN_AI_EVALUATION_LABEL),
            rationale=text(event.attributes, semconv.GEN_AI_EVALUATION_EXPLANATION),
        )
        for event in span.events
        if event.name == semconv.EVENT_REWARD and isinstance(event.attributes, Mapping)
    )
