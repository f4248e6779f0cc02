"""Spans as Arize Phoenix exports them → records. Pure.

Its REST interface (``GET /v1/projects/{id}/spans``) and its client give ``{name, context: {trace_id, span_id},
parent_id, span_kind, start_time, end_time, status_code, status_message, attributes, events}``; a table of its spans as
JSON records has the same with ``context.trace_id`` and ``attributes.…`` as names of columns. Attributes are
OpenInference's: as dotted names, or as the nested objects that its page shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.otlp.json import object_of, objects, text
from atlas_otel.otlp.plain import flattened, hex_only, plain_value, time_ns
from atlas_otel.otlp.spans import Decoded, NotASpan, RawSpan, Receiver
from atlas_otel.records.record import SpanEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper
    from atlas_otel.records.record import AttributeValue

_SCOPE: Final = "openinference"
_STATUSES: Final = {"OK": 1, "ERROR": 2}
_COLUMN: Final = "attributes."
_WHOLE: Final = frozenset(
    {
        semconv.OPENINFERENCE_METADATA,
        semconv.OPENINFERENCE_INVOCATION,
        semconv.OPENINFERENCE_INPUT,
        semconv.OPENINFERENCE_OUTPUT,
        semconv.OPENINFERENCE_TOOL_PARAMETERS,
    }
)
"""Attributes whose value is JSON text where it is an object."""


def is_phoenix_span(value: Mapping[str, Any]) -> bool:
    """Whether an object is a span in this form."""
    context = value.get("context")
    named = isinstance(context, dict) and "trace_id" in context
    return "start_time" in value and ((named and "span_kind" in value) or "context.trace_id" in value)


def decode_phoenix(spans: Iterable[object], capture: Capture) -> Decoded:
    """The records of spans in this form."""
    receiver = Receiver(capture)
    receiver.begin_resource({})
    receiver.begin_scope(_SCOPE)
    for span in spans:
        try:
            receiver.add(_raw(object_of(span), receiver.keeper))
        except NotASpan as reason:
            receiver.refuse(str(reason))
    return receiver.decoded()


def _raw(span: Mapping[str, Any], keeper: Keeper) -> RawSpan:
    context = object_of(span.get("context"))
    attributes = dict(object_of(span.get("attributes")))
    attributes |= {
        name[len(_COLUMN) :]: value
        for name, value in span.items()
        if name.startswith(_COLUMN) and value is not None and value == value  # a table's empty cell is NaN
    }
    if (kind := text(span.get("span_kind"))) and kind != "UNKNOWN":
        attributes.setdefault(semconv.OPENINFERENCE_KIND, kind)
    return RawSpan(
        hex_only(context.get("trace_id", span.get("context.trace_id"))),
        hex_only(context.get("span_id", span.get("context.span_id"))),
        hex_only(span.get("parent_id")),
        text(span.get("name")),
        0,
        time_ns(span.get("start_time")),
        time_ns(span.get("end_time")),
        _kept(attributes, keeper),
        [
            SpanEvent(text(event.get("name")), time_ns(event.get("timestamp")), _kept(event.get("attributes"), keeper))
            for event in objects(span.get("events"))
        ],
        [],
        _STATUSES.get(text(span.get("status_code")), 0),
        text(span.get("status_message")),
    )


def _kept(values: object, keeper: Keeper) -> dict[str, AttributeValue]:
    kept = flattened(object_of(values), _WHOLE)
    return dict([keeper.pair(key, plain_value(value)) for key, value in kept if value is not None])
