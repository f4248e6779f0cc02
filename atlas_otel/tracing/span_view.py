"""What OpenTelemetry sees of an active span: the seam between our record and their span.

Two kinds: :class:`SdkView` mirrors everything onto a span of whatever provider is in place; ``own_span.OwnSpan`` is the
span itself, where the provider is ours and nobody else looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.trace import Status, StatusCode

from atlas_otel import semconv
from atlas_otel.records.packing import pack_events
from atlas_otel.records.record import STATUS_ERROR, SpanEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set
    from typing import TypeAlias

    from opentelemetry.trace import Span, SpanContext, SpanKind

    from atlas_otel.records.record import Attributes, AttributeValue, EventRecord, SpanRecord

    SpanKey: TypeAlias = tuple[str, str]

MIRRORED_EVENTS: Final = 100
"""How many of our events a span also shows to OTel backends one by one; ``atlas.events`` holds all of them."""

_ending: dict[SpanKey, tuple[SpanRecord, Set[int]]] = {}

_IDS: Final = (semconv.ATLAS_KIND, semconv.ATLAS_SESSION_ID, semconv.ATLAS_STEP_ID, semconv.ATLAS_STEP_ATTEMPT)


class Running(Protocol):
    """What an OTel span that stands for an active span may ask of it, and tell it."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""

    @property
    def span_kind(self) -> SpanKind:
        """OpenTelemetry's kind of the span."""

    def renamed(self, name: str) -> None:
        """Somebody gave the span another name."""

    def failed(self, description: str | None) -> None:
        """Somebody said that the span failed."""


class SpanMaker(Protocol):
    """A provider of ours, as an active span knows it."""

    @property
    def alone(self) -> bool:
        """Whether nobody but us looks at our spans: then they need not be the SDK's."""

    def view(self, active: Running, parent: SpanContext) -> SpanView:
        """The OTel span of an active span, while no other processor is attached."""


class SpanView(Protocol):
    """The OTel span of an active span. Any method may raise what a guest raises: the active span counts it."""

    @property
    def span(self) -> Span:
        """The span that becomes current."""

    def wrote(self, key: str, value: AttributeValue, *, new: bool) -> None:
        """The active span set an attribute."""

    def reported(self, event: EventRecord, shown: Mapping[str, AttributeValue]) -> None:
        """The active span reported an event, of which backends see ``shown``."""

    def others_attributes(self, ours: Attributes) -> Mapping[str, AttributeValue]:
        """What somebody else wrote on the span, raw."""

    def others_events(self) -> Sequence[SpanEvent]:
        """What somebody else reported on the span, raw."""

    def ended(self, record: SpanRecord, events: Sequence[EventRecord]) -> None:
        """The active span ended; ``events`` are all that it reported."""


class SdkView:
    """Mirrors an active span onto a span that a tracer made."""

    __slots__ = ("_mirrored", "_rewrites", "_written", "span")

    def __init__(self, span: Span, written: int, *, adopted: bool) -> None:
        """``written``: how many attributes it was started with. ``adopted``: its limits are not known."""
        self.span = span
        self._written = written
        self._mirrored: set[int] = set()
        self._rewrites = adopted

    def wrote(self, key: str, value: AttributeValue, *, new: bool) -> None:
        """Mirror it."""
        self._written += new
        self.span.set_attribute(key, value)

    def reported(self, event: EventRecord, shown: Mapping[str, AttributeValue]) -> None:
        """Mirror it, while there are few."""
        if len(self._mirrored) < MIRRORED_EVENTS:
            from atlas_otel.view.said import said

            self._mirrored.add(event.sequence)
            self.span.add_event(event.name, said(event.name, shown), event.sequence)

    def others_attributes(self, ours: Attributes) -> Mapping[str, AttributeValue]:
        """Looked for only where the span's count differs from what was mirrored: limits or others changed it."""
        held: Any = getattr(self.span, "attributes", None)
        if held is None or len(held) == self._written:
            return {}
        return {key: value for key, value in dict(held).items() if key not in ours}

    def others_events(self) -> Sequence[SpanEvent]:
        """All but the mirrored ones."""
        held: Any = getattr(self.span, "events", None)
        if held is None or len(held) == len(self._mirrored):
            return ()
        return [
            SpanEvent(event.name, event.timestamp, dict(event.attributes or {}))
            for event in held
            if event.timestamp not in self._mirrored
        ]

    def ended(self, record: SpanRecord, events: Sequence[EventRecord]) -> None:
        """End the span: events packed, errors, status."""
        span = self.span
        if not span.is_recording():
            return
        from atlas_otel.view.viewed import view_of

        packed = {semconv.ATLAS_EVENTS: pack_events(events)} if events else {}
        failed = record.status == STATUS_ERROR
        span.set_attributes({**packed, **view_of({**record.attributes, **packed}, failed=failed).attributes})
        if self._rewrites:
            # Limits drop what was written first: the ids that were set at the start are written again.
            span.set_attributes({key: record.attributes[key] for key in _IDS if key in record.attributes})
        others = {event.time_ns for event in self.others_events()}  # a name may have been redacted
        for event in record.events:
            if event.time_ns not in others:
                span.add_event(event.name, event.attributes, event.time_ns)
        if failed:
            span.set_status(Status(StatusCode.ERROR, record.status_message))
        _ending[record.key] = (record, self._mirrored)
        try:
            span.end(end_time=record.end_ns)
        finally:
            del _ending[record.key]


def ending(trace_id: str, span_id: str) -> tuple[SpanRecord, Set[int]] | None:
    """While a span of ours ends: its record, which says what may be seen of it, and the times of our events on it."""
    return _ending.get((trace_id, span_id))
