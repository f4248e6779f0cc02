"""OTLP/protobuf → records.

Generated (upb) classes parse, and are walked: ``json_format`` takes twenty times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.errors import RecordError
from atlas_otel.otlp.claims import ANYBODY
from atlas_otel.otlp.parts import TREE_BYTES, large_tree
from atlas_otel.otlp.spans import Decoded, RawSpan, Receiver
from atlas_otel.records.record import SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper
    from atlas_otel.otlp.claims import Sender
    from atlas_otel.records.record import AttributeValue

_REMEMBERED_BYTES: Final = 128


def decode_protobuf(body: bytes, capture: Capture, sender: Sender = ANYBODY) -> Decoded:
    """The records of an ``ExportTraceServiceRequest``. Raises RecordError where ``body`` is none."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.trace.v1 import trace_pb2

    from atlas_otel.otlp.utf8 import in_utf8

    try:
        return _decoded(body, capture, sender)
    except DecodeError:
        pass
    try:
        return _decoded(in_utf8(body, trace_pb2, "TracesData"), capture, sender)
    except DecodeError:
        raise RecordError("the body is not an ExportTraceServiceRequest in protobuf") from None


def _decoded(body: bytes, capture: Capture, sender: Sender = ANYBODY) -> Decoded:
    from atlas_otel.otlp.wire import request_class

    receiver = Receiver(capture, sender)
    _receive(request_class().FromString(body), receiver)
    return receiver.decoded()


def _receive(request: Any, receiver: Receiver) -> None:  # the generated classes have no types
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    pair = _Pairs(receiver.keeper, KeyValue.FromString).__getitem__
    for of_resource in request.resource_spans:
        receiver.begin_resource(_attributes(of_resource.resource.attributes))
        for of_scope in of_resource.scope_spans:
            receiver.begin_scope(of_scope.scope.name)
            for span in of_scope.spans:
                status, events, links = span.status, span.events, span.links
                receiver.add(
                    RawSpan(
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.name,
                        span.kind,
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        dict(map(pair, span.attributes)),
                        [
                            SpanEvent(event.name, event.time_unix_nano, dict(map(pair, event.attributes)))
                            for event in events
                        ]
                        if events
                        else (),
                        [
                            SpanLink(link.trace_id.hex(), link.span_id.hex(), dict(map(pair, link.attributes)))
                            for link in links
                        ]
                        if links
                        else (),
                        status.code,
                        status.message,
                        span.dropped_attributes_count,
                        span.dropped_events_count,
                        span.dropped_links_count,
                    )
                )


class _Pairs(dict[bytes, "tuple[str, AttributeValue]"]):
    """Attributes by what they are on the wire. Short ones are read once: many spans of a request share them."""

    def __init__(self, keeper: Keeper, parse: Any) -> None:
        super().__init__()
        self._keeper = keeper
        self._parse = parse

    def __missing__(self, wire: bytes) -> tuple[str, AttributeValue]:
        if len(wire) > TREE_BYTES and (tree := large_tree(wire)) is not None:
            return self._keeper.pair(tree[0], f"[a list or mapping of {tree[1]} bytes: too large to be read]")
        attribute = self._parse(wire)
        value = attribute.value
        pair = self._keeper.pair(attribute.key, value.string_value or _value(value))
        if len(wire) <= _REMEMBERED_BYTES:
            self[wire] = pair
        return pair


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
