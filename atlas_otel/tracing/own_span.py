"""What OpenTelemetry sees of an active span where the provider is ours and nobody else looks at our spans.

An SDK span keeps a second, bounded copy of everything that our record keeps already, and costs more than all else in
a decorated call. Where only our own exporter would read that copy, the active span *is* the span: :class:`OwnSpan`
gives it OpenTelemetry's interface, and what is exported is made from the record once, at the end. As soon as somebody
adds a processor to the provider, sets span limits or a sampler, spans are the SDK's again (``OwnProvider.alone``).
"""

from __future__ import annotations

import traceback
from time import time_ns
from typing import TYPE_CHECKING

from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, TraceFlags

from atlas_otel import semconv
from atlas_otel.records.record import SpanEvent
from atlas_otel.tracing.ended_span import EndedSpan
from atlas_otel.tracing.ids import child_of
from atlas_otel.tracing.span_view import MIRRORED_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.util.types import AttributeValue as OtelValue

    from atlas_otel.records.record import Attributes, AttributeValue, EventRecord, SpanRecord
    from atlas_otel.tracing.ended_span import Shown
    from atlas_otel.tracing.span_view import Running

    Export: TypeAlias = Callable[[EndedSpan], None]

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class OwnSpan(Span):
    """An active span, as OpenTelemetry sees it (a ``SpanView`` too). What others write on it is kept apart, and
    redacted with the record."""

    _links: Sequence[Link] = ()
    """Of few spans: those that have any get their own."""

    def __init__(
        self, active: Running, parent: SpanContext, ids: IdGenerator, resource: Resource, export: Export | None
    ) -> None:
        """A child of ``parent`` where that is valid. ``export`` gets what is to be exported at the end."""
        self._active = active
        self._resource = resource
        self._export = export
        self._ids = child_of(parent, ids=ids, root_flags=_SAMPLED)
        self._parent = parent if parent.is_valid else None
        self._attributes: dict[str, AttributeValue] = {}
        self._events: list[SpanEvent] = []
        self._shown: list[Shown] = []

    # --- for the active span ---------------------------------------------------------------------------------------

    @property
    def span(self) -> Span:
        """Itself."""
        return self

    def wrote(self, key: str, value: AttributeValue, *, new: bool) -> None:
        """The record has it."""

    def reported(self, event: EventRecord, shown: Mapping[str, AttributeValue]) -> None:
        """Keep what is to be exported of it, while there are few."""
        if self._export is not None and len(self._shown) < MIRRORED_EVENTS:
            self._shown.append((event, shown))

    def others_attributes(self, ours: Attributes) -> Mapping[str, AttributeValue]:
        """What was written through OpenTelemetry's interface."""
        return self._attributes

    def others_events(self) -> Sequence[SpanEvent]:
        """What was reported through OpenTelemetry's interface."""
        return self._events

    def ended(self, record: SpanRecord, events: Sequence[EventRecord]) -> None:
        """Export it, where it is sampled and somebody exports."""
        if self._export is not None and self._ids.trace_flags.sampled:
            self._export(EndedSpan(self._ids, self._parent, self._resource, record, events, self._shown, self._links))

    # --- for others ------------------------------------------------------------------------------------------------

    def get_span_context(self) -> SpanContext:
        """Its ids."""
        return self._ids

    def is_recording(self) -> bool:
        """Whether it runs."""
        return self._active.running

    def set_attribute(self, key: str, value: OtelValue) -> None:
        """Keep an attribute that somebody else writes."""
        if self._active.running:
            self._attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, OtelValue]) -> None:
        """Keep attributes that somebody else writes."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Mapping[str, OtelValue] | None = None, timestamp: int | None = None
    ) -> None:
        """Keep an event that somebody else reports."""
        if self._active.running:
            self._events.append(SpanEvent(name, timestamp or time_ns(), dict(attributes or {})))

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, OtelValue] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Keep an exception that somebody else reports."""
        described = {
            semconv.EXCEPTION_TYPE: type(exception).__qualname__,
            semconv.EXCEPTION_MESSAGE: str(exception),
            semconv.EXCEPTION_STACKTRACE: "".join(traceback.format_exception(exception)),
        }
        self.add_event(semconv.EVENT_EXCEPTION, {**described, **(attributes or {})}, timestamp)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Take over an error status that somebody else sets."""
        code = status.status_code if isinstance(status, Status) else status
        said = status.description if isinstance(status, Status) else description
        if code is StatusCode.ERROR:
            self._active.failed(said)

    def update_name(self, name: str) -> None:
        """Take over another name."""
        self._active.renamed(name)

    def add_link(self, context: SpanContext, attributes: Mapping[str, OtelValue] | None = None) -> None:
        """Show it where spans are exported, without its attributes, which nobody has redacted."""
        if self._active.running:
            self._links = (*self._links, Link(context))

    def end(self, end_time: int | None = None) -> None:
        """The active span ends it."""
