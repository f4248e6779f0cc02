"""LiteLLM's ``raw_gen_ai_request``: what went to the provider and what came back, below the span of the call. Pure.

Names: litellm.integrations.opentelemetry (1.110). Each key of the request and of the response is an attribute
``llm.<provider>.<key>``; what is no text or number is there as Python writes it, or as JSON.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import calling, genai
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord

NAME: Final = "litellm"
_LARGEST: Final = 1 << 20
"""A text that is longer is not parsed as Python's."""


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span of LiteLLM's raw request; None for any other."""
    if span.scope != semconv.LITELLM_SCOPE or span.name != semconv.LITELLM_RAW:
        return None
    held: dict[str, Any] = {}
    for key, value in span.attributes.items():
        head, _, rest = key.partition(".")
        provider, _, name = rest.partition(".")
        if head == semconv.LITELLM_PREFIX and provider and name:
            held[name] = _opened(value)
    fields: dict[str, Any] = {}
    calling.read_request(fields, held)
    calling.read_response(fields, held)
    fields.setdefault("operation", semconv.OPERATION_CHAT)
    said = "input_messages" in fields or "output_messages" in fields
    return genai.named(span, fields, "llm" if said else "function", NAME)


def _opened(value: object) -> Any:
    """The list or object that a text is the JSON of, or that Python would write so."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    held = JsonText(value)
    if held.valid:
        return held.value
    if len(value) > _LARGEST:
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
