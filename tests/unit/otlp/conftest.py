"""Spans on their way: a record as the SDK's span, as OTLP/protobuf by the SDK's own encoder, and as OTLP/JSON."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from atlas_otel.records.record import SpanRecord

_IDS = {"traceId", "spanId", "parentSpanId"}


def sdk_span(record: SpanRecord) -> ReadableSpan:
    """What an exporter would be handed for ``record``."""
    trace_id = int(record.trace_id, 16)

    def context(span_id: str, trace: int = trace_id) -> SpanContext:
        return SpanContext(trace, int(span_id, 16), is_remote=False, trace_flags=TraceFlags(1))

    return ReadableSpan(
        name=record.name,
        context=context(record.span_id),
        parent=None if record.parent_span_id is None else context(record.parent_span_id),
        resource=Resource(dict(record.resource)),
        attributes=dict(record.attributes),
        events=[Event(event.name, dict(event.attributes), event.time_ns) for event in record.events],
        links=[Link(context(link.span_id, int(link.trace_id, 16)), dict(link.attributes)) for link in record.links],
        kind=SpanKind(record.span_kind),
        status=Status(StatusCode(record.status), record.status_message),
        start_time=record.start_ns,
        end_time=record.end_ns,
        instrumentation_scope=InstrumentationScope(record.scope),
    )


def as_protobuf(spans: list[ReadableSpan]) -> bytes:
    """The body of an export request."""
    return encode_spans(spans).SerializeToString()


def as_json(spans: list[ReadableSpan], *, enums_as_numbers: bool = False) -> dict[str, Any]:
    """The same in OTLP/JSON: protobuf's mapping, but ids in hex."""
    return _with_hex(MessageToDict(encode_spans(spans), use_integers_for_enums=enums_as_numbers))


def _with_hex(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_with_hex(item) for item in tree]
    if isinstance(tree, dict):
        return {
            key: base64.b64decode(value).hex() if key in _IDS and isinstance(value, str) else _with_hex(value)
            for key, value in tree.items()
        }
    return tree


@pytest.fixture(scope="session")
def wire() -> SimpleNamespace:
    """The three of them."""
    return SimpleNamespace(sdk_span=sdk_span, protobuf=as_protobuf, json=as_json)
