"""OTLP/protobuf → records.

The generated (upb) classes parse, and are walked: ``json_format`` takes twenty times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.errors import RecordError
from atlas_otel.otlp.spans import Decoded, RawSpan, Receiver
from atlas_otel.span_record import SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.capture import Capture
    from atlas_otel.span_record import AttributeValue


def decode_protobuf(body: bytes, capture: Capture) -> Decoded:
    """The records of an ``ExportTraceServiceRequest``. Raises RecordError where ``body`` is none."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise RecordError("the body is not an ExportTraceServiceRequest in protobuf") from None
    receiver = Receiver(capture)
    for of_resource in request.resource_spans:
        receiver.begin_resource(_attributes(of_resource.resource.attributes))
        for of_scope in of_resource.scope_spans:
            receiver.begin_scope(of_scope.scope.name)
            for span in of_scope.spans:
                receiver.add(_raw(span))
    return receiver.decoded()


def _raw(span: Any) -> RawSpan:  # the generated classes have no types
    status = span.status
    return RawSpan(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span.attributes),
        [SpanEvent(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events],
        [SpanLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes)) for link in span.links],
        status.code,
        status.message,
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
    )


def _attributes(pairs: Iterable[Any]) -> dict[str, AttributeValue]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> AttributeValue:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    held: AttributeValue = getattr(value, which)  # bytes too, which capture writes as it writes all bytes
    return held
