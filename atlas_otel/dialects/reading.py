"""How every dialect reads attributes: leniently, since other programs write them. Nothing here raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas_otel import semconv
from atlas_otel.facts import Failure, Usage
from atlas_otel.json_text import JsonText, dump
from atlas_otel.models.evaluation import DEFAULT_REWARD_NAME, Reward, finite
from atlas_otel.span_record import STATUS_ERROR

if TYPE_CHECKING:
    from atlas_otel.span_record import Attributes, SpanRecord


def text(attributes: Attributes, *keys: str) -> str | None:
    """The first of ``keys`` that holds a non-empty text."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def number(attributes: Attributes, *keys: str) -> int | None:
    """The first of ``keys`` that holds a whole number, as a number or as digits."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def texts(attributes: Attributes, key: str) -> tuple[str, ...]:
    """A list of texts; a single text counts as a list of one."""
    value = attributes.get(key)
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, Sequence):
        return tuple(one for one in value if isinstance(one, str))
    return ()


def json_text(attributes: Attributes, *keys: str) -> JsonText | None:
    """The first of ``keys`` that is there, as JSON: a text is taken to be JSON already, anything else is written so."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str):
            return JsonText(value)
        if value is not None:
            return JsonText(dump(value))
    return None


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


def usage(attributes: Attributes) -> Usage | None:
    """Tokens by the GenAI conventions, current and older names; None where there are none."""
    found = Usage(
        number(attributes, semconv.GEN_AI_USAGE_INPUT_TOKENS, semconv.GEN_AI_USAGE_PROMPT_TOKENS),
        number(attributes, semconv.GEN_AI_USAGE_OUTPUT_TOKENS, semconv.GEN_AI_USAGE_COMPLETION_TOKENS),
        number(attributes, semconv.GEN_AI_USAGE_TOTAL_TOKENS),
        number(attributes, semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
    )
    return None if found == _NO_USAGE else found


_NO_USAGE = Usage()


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
