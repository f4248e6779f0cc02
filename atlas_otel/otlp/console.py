"""What OpenTelemetry's ``ConsoleSpanExporter`` prints for Python, one object a span → records. Pure.

The form is that of ``opentelemetry.sdk.trace.ReadableSpan.to_json`` (1.45): ids with ``0x``, times in ISO 8601. The
instrumentation scope is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.otlp.json import object_of, objects, text
from atlas_otel.otlp.plain import hex_only, plain_value, time_ns
from atlas_otel.otlp.spans import Decoded, NotASpan, RawSpan, Receiver
from atlas_otel.records.record import SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper
    from atlas_otel.records.record import AttributeValue

_KINDS: Final = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_STATUSES: Final = {"OK": 1, "ERROR": 2}


def is_console_span(value: Mapping[str, Any]) -> bool:
    """Whether an object is a span in this form."""
    context = value.get("context")
    return isinstance(context, dict) and "trace_id" in context and "start_time" in value and "kind" in value


def decode_console(spans: Iterable[object], capture: Capture) -> Decoded:
    """The records of spans in this form."""
    receiver = Receiver(capture)
    for span in spans:
        try:
            _add(receiver, object_of(span))
        except NotASpan as reason:
            receiver.refuse(str(reason))
    return receiver.decoded()


def _add(receiver: Receiver, span: Mapping[str, Any]) -> None:
    keeper, context, status = receiver.keeper, object_of(span.get("context")), object_of(span.get("status"))
    resource = object_of(object_of(span.get("resource")).get("attributes"))
    receiver.begin_resource({key: plain_value(value) for key, value in resource.items()})
    receiver.begin_scope(text(object_of(span.get("instrumentation_scope")).get("name")))
    receiver.add(
        RawSpan(
            hex_only(context.get("trace_id")),
            hex_only(context.get("span_id")),
            hex_only(span.get("parent_id")),
            text(span.get("name")),
            _KINDS.get(text(span.get("kind")).rpartition(".")[2], 0),
            time_ns(span.get("start_time")),
            time_ns(span.get("end_time")),
            kept_attributes(span.get("attributes"), keeper),
            [
                SpanEvent(
                    text(event.get("name")),
                    time_ns(event.get("timestamp")),
                    kept_attributes(event.get("attributes"), keeper),
                )
                for event in objects(span.get("events"))
            ],
            [_link(link, keeper) for link in objects(span.get("links"))],
            _STATUSES.get(text(status.get("status_code")), 0),
            text(status.get("description")),
        )
    )


def kept_attributes(values: object, keeper: Keeper) -> dict[str, AttributeValue]:
    """What is kept of attributes that stand as one object."""
    return dict([keeper.pair(key, plain_value(value)) for key, value in object_of(values).items()])


def _link(link: Mapping[str, Any], keeper: Keeper) -> SpanLink:
    context = object_of(link.get("context"))
    ids = hex_only(context.get("trace_id")), hex_only(context.get("span_id"))
    return SpanLink(*ids, kept_attributes(link.get("attributes"), keeper))
