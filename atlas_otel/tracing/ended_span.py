"""A span of ours that has ended, on its way to an exporter: what OpenTelemetry reads is made where it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, Status, StatusCode

from atlas_otel import __version__, semconv
from atlas_otel.records.packing import pack_events
from atlas_otel.records.record import STATUS_ERROR
from atlas_otel.records.utf8 import texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import Link, SpanContext

    from atlas_otel.records.record import AttributeValue, EventRecord, SpanRecord

    Shown: TypeAlias = tuple[EventRecord, Mapping[str, AttributeValue]]
    """An event, and what backends see of it."""

_SCOPE: Final = InstrumentationScope(semconv.SCOPE_NAME, __version__)
_UNSET: Final = Status()


class EndedSpan:
    """A record, its events, and what only OpenTelemetry's span has. The agent's thread makes it; it costs next to
    nothing beside a :class:`~opentelemetry.sdk.trace.ReadableSpan`."""

    __slots__ = ("_events", "_links", "_parent", "_record", "_resource", "_shown", "context")

    def __init__(
        self,
        context: SpanContext,
        parent: SpanContext | None,
        resource: Resource,
        record: SpanRecord,
        events: Sequence[EventRecord],
        shown: Sequence[Shown],
        links: Sequence[Link],
    ) -> None:
        """``events``: all that were reported. ``shown``: those that stand on the span one by one."""
        self.context = context
        self._parent = parent
        self._resource = resource
        self._record = record
        self._events = events
        self._shown = shown
        self._links = links

    def readable(self) -> ReadableSpan:
        """The span as exporters know it. Its values passed the redactor when they were recorded."""
        record = self._record
        attributes: dict[str, Any] = dict(texts_of(record.attributes))
        if self._events:
            attributes[semconv.ATLAS_EVENTS] = pack_events(self._events)
        shown = [Event(event.name, dict(seen), event.sequence) for event, seen in self._shown]
        shown += [Event(event.name, dict(event.attributes), event.time_ns) for event in record.events]
        return ReadableSpan(
            name=record.name,
            context=self.context,
            parent=self._parent,
            resource=self._resource,
            attributes=attributes,
            events=sorted(shown, key=lambda event: event.timestamp),
            links=self._links,
            kind=SpanKind(record.span_kind),
            status=Status(StatusCode.ERROR, record.status_message) if record.status == STATUS_ERROR else _UNSET,
            start_time=record.start_ns,
            end_time=record.end_ns,
            instrumentation_scope=_SCOPE,
        )
