"""Records → OTLP/JSON, which any OTLP receiver takes again: what ``json`` reads, written. Pure.

Each line is an ``ExportTraceServiceRequest``, as the Collector's file exporter writes it. A span's event records travel
in its ``atlas.events``, as they do when a span leaves its own process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final

import orjson

from atlas_otel import semconv
from atlas_otel.records.packing import pack_events
from atlas_otel.records.record import SpanRecord, readable

if TYPE_CHECKING:
    from atlas_otel.records.record import Attributes, AttributeValue, EventRecord, RecordSet

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""What a line may come to, unless one span is larger: receivers refuse bodies above a limit of their own."""
_MAX_INT: Final = 2**63
_UNREAL: Final = {inf: "Infinity", -inf: "-Infinity"}


def otlp_lines(records: RecordSet) -> Iterator[bytes]:
    """The spans that have ended, oldest first, with their events, as one line or, where that is large, several.

    OTLP has no form for a span that still runs: such spans, and events without a span, are not among them.
    """
    events: defaultdict[tuple[str, str], list[EventRecord]] = defaultdict(list)
    for key in sorted(records.events):
        events[key[:2]].append(records.events[key])
    spans = sorted((span for span in records.spans.values() if span.ended), key=lambda span: (span.start_ns, span.key))
    held: list[tuple[SpanRecord, bytes]] = []
    size = 0
    for span in spans:
        encoded = encode_span(span, events.get(span.key, ()))
        if held and size + len(encoded) > MAX_LINE_BYTES:
            yield _line(held)
            held, size = [], 0
        held.append((span, encoded))
        size += len(encoded)
    if held:
        yield _line(held)


def encode_span(record: SpanRecord, events: Sequence[EventRecord] = ()) -> bytes:
    """One span of OTLP/JSON, with its event records packed."""
    span = readable(record)
    attributes = dict(span.attributes)
    if span.kind is not None:
        attributes.setdefault(semconv.ATLAS_KIND, span.kind)
    if events:
        attributes[semconv.ATLAS_EVENTS] = pack_events(events)
    encoded: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_span_id} if span.parent_span_id else {}),
        "name": span.name,
        "kind": span.span_kind + 1,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(attributes),
        "events": [
            {"timeUnixNano": str(event.time_ns), "name": event.name, "attributes": _pairs(event.attributes)}
            for event in span.events
        ],
        "links": [
            {"traceId": link.trace_id, "spanId": link.span_id, "attributes": _pairs(link.attributes)}
            for link in span.links
        ],
        "status": {"code": span.status, **({"message": span.status_message} if span.status_message else {})},
    }
    dropped = {
        "droppedAttributesCount": span.dropped_attributes,
        "droppedEventsCount": span.dropped_events,
        "droppedLinksCount": span.dropped_links,
    }
    encoded.update({name: count for name, count in dropped.items() if count})
    return orjson.dumps(encoded)


def _line(spans: Sequence[tuple[SpanRecord, bytes]]) -> bytes:
    """A request of these spans: neighbours of one resource and scope stand together."""
    of_resources = []
    for resource, group in groupby(spans, key=lambda pair: orjson.dumps(_pairs(pair[0].resource))):
        of_scopes = [
            {"scope": {"name": scope}, "spans": [orjson.Fragment(encoded) for _, encoded in same]}
            for scope, same in groupby(group, key=lambda pair: pair[0].scope)
        ]
        of_resources.append({"resource": {"attributes": orjson.Fragment(resource)}, "scopeSpans": of_scopes})
    return orjson.dumps({"resourceSpans": of_resources})


def _pairs(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: AttributeValue) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # OTLP's integers have 64 bits; a larger one keeps its digits as a text.
        return {"intValue": str(value)} if -_MAX_INT <= value < _MAX_INT else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if isfinite(value) else _UNREAL.get(value, "NaN")}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _pairs(value)}}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {}
