"""Jaeger's own JSON → records: what its page downloads, and what ``/api/traces`` answers. Pure.

Its times are microseconds; status, kind and scope are tags. (``/api/v3`` answers in OTLP.)
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.otlp.claims import ANYBODY
from atlas_otel.otlp.json import hex_id, integer, object_of, objects, text
from atlas_otel.otlp.spans import Decoded, NotASpan, RawSpan, Receiver
from atlas_otel.records.record import SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper
    from atlas_otel.otlp.claims import Sender
    from atlas_otel.records.record import AttributeValue

_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES: Final = {"OK": 1, "ERROR": 2}
_SCOPES: Final = ("otel.scope.name", "otel.library.name")
_TRANSLATED: Final = frozenset(
    {
        "span.kind",
        "otel.status_code",
        "otel.status_description",
        "error",
        "internal.span.format",
        *_SCOPES,
        "otel.scope.version",
        "otel.library.version",
    }
)
_MICROSECOND: Final = 1_000


def decode_jaeger(traces: Iterable[object], capture: Capture, sender: Sender = ANYBODY) -> Decoded:
    """The records of traces in Jaeger's form (``{traceID, spans, processes}``)."""
    receiver = Receiver(capture, sender)
    for trace in traces:
        processes = object_of(object_of(trace).get("processes"))
        for span in objects(object_of(trace).get("spans")):
            try:
                _add(receiver, span, object_of(processes.get(text(span.get("processID")), span.get("process"))))
            except NotASpan as reason:
                receiver.refuse(str(reason))
    return receiver.decoded()


def _add(receiver: Receiver, span: Mapping[str, Any], process: Mapping[str, Any]) -> None:
    keeper, tags = receiver.keeper, _tags(span.get("tags"))
    service = text(process.get("serviceName"))
    receiver.begin_resource({**_tags(process.get("tags")), **({"service.name": service} if service else {})})
    receiver.begin_scope(next((scope for name in _SCOPES if (scope := text(tags.get(name)))), ""))
    start = integer(span.get("startTime")) * _MICROSECOND
    references = list(objects(span.get("references")))
    within = [one for one in references if _trace_id(one) == _trace_id(span)]
    # The first parent within the trace is the parent; where none is named, what the span follows from is (as Jaeger
    # shows it): it caused it, and did not wait for it. Whatever else is referred to is a link.
    above = sorted(within, key=lambda one: one.get("refType") != "CHILD_OF")
    parent = next((one for one in above if one.get("refType") in ("CHILD_OF", "FOLLOWS_FROM")), None)
    status = _STATUSES.get(text(tags.get("otel.status_code")).upper(), 2 if tags.get("error") is True else 0)
    receiver.add(
        RawSpan(
            _trace_id(span),
            _span_id(span),
            _span_id(parent) if parent is not None else "",
            text(span.get("operationName")),
            _KINDS.get(text(tags.get("span.kind")).lower(), 0),
            start,
            start + integer(span.get("duration")) * _MICROSECOND,
            dict([keeper.pair(key, value) for key, value in tags.items() if key not in _TRANSLATED]),
            [_event(log, keeper) for log in objects(span.get("logs"))],
            [SpanLink(_trace_id(one), _span_id(one), {}) for one in references if one is not parent],
            status,
            text(tags.get("otel.status_description")),
        )
    )


def _event(log: Mapping[str, Any], keeper: Keeper) -> SpanEvent:
    fields = _tags(log.get("fields"))
    name = fields.pop("event", "")
    kept = dict([keeper.pair(key, value) for key, value in fields.items()])
    return SpanEvent(name if isinstance(name, str) else "", integer(log.get("timestamp")) * _MICROSECOND, kept)


def _trace_id(span: Mapping[str, Any]) -> str:
    return hex_id(span.get("traceID")).rjust(32, "0")  # Jaeger leaves leading zeros out


def _span_id(span: Mapping[str, Any]) -> str:
    return hex_id(span.get("spanID")).rjust(16, "0")


def _tags(tags: object) -> dict[str, AttributeValue]:
    return {text(tag.get("key")): _value(text(tag.get("type")), tag.get("value")) for tag in objects(tags)}


def _value(kind: str, value: object) -> AttributeValue:
    if kind == "int64":
        return integer(value)
    if kind == "float64" and isinstance(value, (int, float, str)):
        try:
            return float(value)
        except (ValueError, OverflowError):
            raise NotASpan("a float64 tag is not a number") from None
    if kind == "binary":
        try:
            return base64.b64decode(text(value))  # capture writes bytes as it writes all bytes
        except (binascii.Error, ValueError):
            raise NotASpan("a binary tag is not base64") from None
    return value if isinstance(value, (str, bool, int, float)) else None
