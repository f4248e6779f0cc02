"""Logfire: what its ``instrument_openai`` and ``instrument_anthropic`` write (``request_data``, ``response_data``), and
its pending spans. Pure.

Names: logfire._internal (3.x to 5.x). A pending span is sent when a span starts, as a child of it with no duration: it
is the span itself, once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import calling, genai, reading
from atlas_otel.projection.facts import Facts
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from atlas_otel.records.record import SpanRecord

NAME: Final = "logfire"


def read(span: SpanRecord) -> Facts | None:
    """The facts of a model call of Logfire's, or of a pending span; None for any other."""
    attributes = span.attributes
    if attributes.get(semconv.LOGFIRE_SPAN_TYPE) == semconv.LOGFIRE_PENDING:
        return Facts("function", span.name, NAME)
    request = attributes.get(semconv.LOGFIRE_REQUEST)
    if not isinstance(request, str):
        return None
    fields = genai.fields_of(span)
    read = calling.read_request(fields, JsonText(request).value)
    kind = genai.kind_of(attributes) or ("llm" if read else None)
    if kind != "llm":
        return None
    response = reading.text(attributes, semconv.LOGFIRE_RESPONSE)
    if response is not None:
        calling.read_response(fields, JsonText(response).value)
    return genai.named(span, fields, kind, NAME)
