"""Langfuse's SDK (2.x observations as 3.x to 5.x send them over OTLP): ``langfuse.observation.*``. Pure.

Names: langfuse._client.attributes of langfuse-python. Inputs and outputs are JSON text, or the text itself where they
were one; metadata is spread over ``….metadata.<key>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.calls.usage import read_usage
from atlas_otel.projection.dialects import calling, reading
from atlas_otel.projection.facts import Failure
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "langfuse"

_KINDS: Final[Mapping[str, Kind]] = {"generation": "llm", "tool": "tool", "agent": "agent"}
"""Any other (span, event, chain, retriever, evaluator, embedding, guardrail) is a function."""
_TABLE: Final[Table] = {
    semconv.LANGFUSE_MODEL: ("model", reading.as_text),
    semconv.SESSION_ID: ("conversation_id", reading.as_text),
    semconv.LANGFUSE_TRACE_TAGS: ("tags", reading.as_texts),
    semconv.LANGFUSE_USER_ID: ("user_id", reading.as_text),
}
_USAGE: Final = {
    "input": "input_tokens",
    "output": "output_tokens",
    "total": "total_tokens",
    "cache_read_input_tokens": "cached_tokens",
    "input_cached_tokens": "cached_tokens",
    "cached_tokens": "cached_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
    "input_cache_creation": "cache_write_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "output_reasoning": "reasoning_tokens",
    "reasoning_tokens": "reasoning_tokens",
}
_ERROR: Final = "ERROR"


def read(span: SpanRecord) -> Facts | None:
    """The facts of an observation; None for any other span."""
    attributes = span.attributes
    said = reading.text(attributes, semconv.LANGFUSE_TYPE)
    if said is None and span.scope != semconv.LANGFUSE_SCOPE:
        return None
    if semconv.GEN_AI_OPERATION_NAME in attributes:  # a framework's own span, marked for Langfuse on its way
        return None
    kind = _KINDS.get((said or "").lower(), "function")
    fields = reading.collect(attributes, _TABLE, reading.COMMON, reading.FALLBACKS)
    fields["operation"] = (said or "span").lower()
    given, returned = _content(attributes, semconv.LANGFUSE_INPUT), _content(attributes, semconv.LANGFUSE_OUTPUT)
    if kind == "llm":
        _read_usage(attributes, fields)
        if not calling.read_request(fields, given.value if given is not None else None) and given is not None:
            fields["input_messages"] = given
        if not calling.read_response(fields, returned.value if returned is not None else None) and returned:
            fields["output"] = returned
    else:
        given = given or _content(attributes, semconv.LANGFUSE_TRACE_INPUT)
        returned = returned or _content(attributes, semconv.LANGFUSE_TRACE_OUTPUT)
        fields |= {fact: held for fact, held in (("input", given), ("output", returned)) if held is not None}
    if metadata := _metadata(attributes):
        fields["metadata"] = JsonText(dump(metadata))
    name = span.name if kind in ("tool", "agent") else fields.get("model") if kind == "llm" else None
    if kind == "agent":
        fields.setdefault("agent_name", span.name)
    facts = reading.finish(span, fields, kind, name or span.name, NAME)
    message = reading.text(attributes, semconv.LANGFUSE_STATUS_MESSAGE)
    if attributes.get(semconv.LANGFUSE_LEVEL) == _ERROR and (facts.error is None or not facts.error.message):
        facts = facts._replace(error=Failure(facts.error.type if facts.error else "error", message or ""))
    return facts


def _content(attributes: Attributes, key: str) -> JsonText | None:
    """An input or output: the JSON that it is, else a text."""
    value = attributes.get(key)
    if value is None or value == "":
        return None
    held = JsonText(value) if isinstance(value, str) else JsonText(dump(value))
    return held if held.valid else JsonText(dump(held.text))


def _read_usage(attributes: Attributes, fields: dict[str, Any]) -> None:
    held = calling.opened(attributes.get(semconv.LANGFUSE_USAGE))
    if not isinstance(held, dict):
        return
    calling.put_usage(fields, read_usage(held))
    for key, number in held.items():
        if key in _USAGE and (count := reading.as_number(number)) is not None:
            fields.setdefault(_USAGE[key], count)


def _metadata(attributes: Attributes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for prefix in (semconv.LANGFUSE_TRACE_METADATA, semconv.LANGFUSE_METADATA):
        whole = calling.opened(attributes.get(prefix))
        found |= whole if isinstance(whole, dict) else {}
        start = prefix + "."
        found |= {
            key[len(start) :]: JsonText(value).value if isinstance(value, str) else value
            for key, value in attributes.items()
            if key.startswith(start)
        }
    return found
