"""A span as it came in, whatever its encoding → records; what cannot be a span is refused, with the reason. Pure.

What comes from outside passes the same gate as spans of other instrumentations in process (``privacy``): normalised,
redacted, and reduced to the allowlist where content is off, as the receiver's own :class:`.Capture`
says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.capture.privacy import sanitize_event, sanitize_resource, sanitize_span
from atlas_otel.events.forms import is_id
from atlas_otel.otlp.attributes import Keeper
from atlas_otel.otlp.claims import ANYBODY, as_claim
from atlas_otel.records.packing import unpack_events
from atlas_otel.records.record import RANK_ENDED_OTLP, SpanEvent, SpanLink, SpanRecord
from atlas_otel.view.heard import heard
from atlas_otel.view.undone import as_recorded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.claims import Sender
    from atlas_otel.records.record import Attributes, AttributeValue, EventRecord, Record

MAX_NS: Final = 2**63 - 1
"""The last moment that a record can hold: some time in the year 2262."""
_MAX_COUNT: Final = 2**31 - 1
_TRACE_DIGITS: Final = 32
_SPAN_DIGITS: Final = 16
_MICROSECOND: Final = 1_000
_NO_TRACE: Final = "0" * _TRACE_DIGITS
_NO_SPAN: Final = "0" * _SPAN_DIGITS
_MAX_REASONS: Final = 3
_STATUSES: Final = frozenset({0, 1, 2})
_KINDS: Final = 5
"""SpanKind of OTLP: 0 is unspecified, 1 (internal) to 5 (consumer) are OpenTelemetry's 0 to 4."""


class NotASpan(ValueError):
    """Why something cannot be recorded as a span: one line, without its content."""


class RawSpan(NamedTuple):
    """A span as it was received: ids in lower-case hex digits (of any number; no parent: none), times in Unix
    nanoseconds. All attributes have been through :meth:`Keeper.pair`.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, AttributeValue]
    events: Sequence[SpanEvent]
    links: Sequence[SpanLink]
    status: int
    status_message: str
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0


class Decoded(NamedTuple):
    """What a request or a line held. ``refused``: how many spans were, and ``reasons`` why (a few of them)."""

    records: list[Record]
    spans: int
    refused: int
    reasons: tuple[str, ...]

    @property
    def message(self) -> str:
        """What to tell the sender of the refused spans; empty where there are none."""
        return f"{self.refused} spans refused: {'; '.join(self.reasons)}" if self.refused else ""


class Receiver:
    """Takes the spans of one request. ``capture``: what may be kept of them."""

    def __init__(self, capture: Capture, sender: Sender = ANYBODY) -> None:
        self._sender = sender
        self.keeper = Keeper(capture)
        """Every attribute of a span, of its events and of its links has to pass it."""
        self._capture = capture
        self._records: list[Record] = []
        self._resource: Attributes = {}
        self._scope = ""
        self._spans = 0
        self._refused = 0
        self._reasons: dict[str, None] = {}

    def begin_resource(self, attributes: Mapping[str, AttributeValue]) -> None:
        """The spans that follow are of this resource."""
        kept = sanitize_resource(attributes, self._capture)
        self._resource = {name: value for name, value in kept.items() if name != semconv.ATLAS_SENDER}
        if self._sender.name is not None:
            self._resource = {**self._resource, semconv.ATLAS_SENDER: self._sender.name}

    def begin_scope(self, name: str) -> None:
        """The spans that follow are of this instrumentation scope."""
        self._scope = name

    def add(self, raw: RawSpan) -> None:
        """Take one span, or refuse it."""
        try:
            self._records += records_of(raw, self._scope, self._resource, self._capture, self.keeper, self._sender)
            self._spans += 1
        except NotASpan as reason:
            self.refuse(str(reason))

    def refuse(self, reason: str) -> None:
        """Count a span that could not even be read."""
        self._refused += 1
        if len(self._reasons) < _MAX_REASONS:
            self._reasons[reason] = None

    def decoded(self) -> Decoded:
        """All that was taken."""
        return Decoded(self._records, self._spans, self._refused, tuple(self._reasons))


def records_of(
    raw: RawSpan, scope: str, resource: Attributes, capture: Capture, keeper: Keeper, sender: Sender = ANYBODY
) -> list[Record]:
    """The records of one span: itself, and the events that it carries packed. Raises NotASpan.

    ``resource`` must have passed ``capture`` already.
    """
    _check(raw)
    if semconv.ATLAS_VIEW_ADDED in raw.attributes:
        raw = raw._replace(attributes=dict(as_recorded(raw.attributes)))
    attributes: Mapping[str, AttributeValue] = raw.attributes
    stamped = attributes.get(semconv.ATLAS_SESSION_ID)
    key = stamped if isinstance(stamped, str) and stamped else None
    kind = attributes.get(semconv.ATLAS_KIND)
    events, links = raw.events, raw.links
    packed: Sequence[EventRecord] = ()
    if semconv.ATLAS_EVENTS in attributes:
        attributes, events, packed = _unpacked(raw, key, keeper)
    elif events and scope == semconv.SCOPE_NAME:
        events, packed = _heard(raw, key)
    if events:
        events = [event if event.time_ns else event._replace(time_ns=raw.start_ns) for event in events]
    if links:
        links = [link for link in links if _is_link(link)]
    span = SpanRecord(
        raw.trace_id,
        raw.span_id,
        None if raw.parent_span_id in ("", _NO_SPAN) else raw.parent_span_id,
        key if key is None or is_id(key) else None,
        raw.name,
        kind if isinstance(kind, str) and kind in semconv.KINDS else None,
        raw.kind - 1 if 1 <= raw.kind <= _KINDS else 0,
        raw.start_ns,
        raw.end_ns or raw.start_ns,
        raw.status if raw.status in _STATUSES else 0,
        raw.status_message or None,
        attributes,
        tuple(events),
        tuple(links),
        scope,
        resource,
        RANK_ENDED_OTLP,
        raw.end_ns or raw.start_ns,
        raw.dropped_attributes and _count(raw.dropped_attributes),
        raw.dropped_events and _count(raw.dropped_events),
        _count(raw.dropped_links + len(raw.links) - len(links)) if raw.dropped_links or raw.links else 0,
    )
    if keeper.by_span or not _is_plain(span, keeper):
        span = sanitize_span(span._replace(resource={}), capture)
        span = span._replace(resource=resource, scope=capture.redacted(scope, "scope.name"))
    if not packed:
        return [span]
    if not sender.governs:
        packed = [as_claim(event, sender) for event in packed]
    kept = [sanitize_event(event._replace(session_key=span.session_key), capture) for event in packed]
    return [span, *[event for event in kept if event is not None]]


def _is_plain(span: SpanRecord, keeper: Keeper) -> bool:
    """Whether a span whose attributes were looked at is kept as it is."""
    plain = keeper.is_plain
    if not (plain(span.name) and plain(span.scope) and (span.status_message is None or plain(span.status_message))):
        return False
    # ``atlas.events`` was left alone, and is unpacked on spans only.
    return not (span.events or span.links) or (
        all(plain(event.name) and semconv.ATLAS_EVENTS not in event.attributes for event in span.events)
        and not any(semconv.ATLAS_EVENTS in link.attributes for link in span.links)
    )


def _check(raw: RawSpan) -> None:
    if len(raw.trace_id) != _TRACE_DIGITS or raw.trace_id == _NO_TRACE:
        raise NotASpan("a trace id is not 16 bytes, or zero")
    if len(raw.span_id) != _SPAN_DIGITS or raw.span_id == _NO_SPAN:
        raise NotASpan("a span id is not 8 bytes, or zero")
    if raw.parent_span_id and len(raw.parent_span_id) != _SPAN_DIGITS:
        raise NotASpan("a parent span id is not 8 bytes")
    if not 0 < raw.start_ns <= MAX_NS:
        raise NotASpan("a start time is missing, negative or beyond the year 2262")
    if not 0 <= raw.end_ns <= MAX_NS:
        raise NotASpan("an end time is negative or beyond the year 2262")
    if raw.events and not all(0 <= event.time_ns <= MAX_NS for event in raw.events):
        raise NotASpan("the time of an event is negative or beyond the year 2262")


def _is_link(link: SpanLink) -> bool:
    whole = len(link.trace_id) == _TRACE_DIGITS and len(link.span_id) == _SPAN_DIGITS
    return whole and link.trace_id != _NO_TRACE and link.span_id != _NO_SPAN


def _unpacked(
    raw: RawSpan, key: str | None, keeper: Keeper
) -> tuple[Mapping[str, AttributeValue], Sequence[SpanEvent], Sequence[EventRecord]]:
    """Attributes and events without what ``atlas.events`` holds, and that. Where somebody cut it, it stays there."""
    text = raw.attributes[semconv.ATLAS_EVENTS]
    packed, whole = unpack_events(text if isinstance(text, str) else "", raw.trace_id, raw.span_id, key)
    if not whole or not all(0 <= event.sequence <= MAX_NS for event in packed):
        left = text if keeper.by_span else keeper.sanitized(semconv.ATLAS_EVENTS, text)[1]
        return {**raw.attributes, semconv.ATLAS_EVENTS: left}, raw.events, ()
    # The first ones stand on the span too, for whoever looks at it elsewhere: one event is not to count twice.
    # In Jaeger's own form their times are whole microseconds.
    shown = {(event.sequence, event.name) for event in packed}
    shown |= {(event.sequence // _MICROSECOND * _MICROSECOND, event.name) for event in packed}
    return (
        {name: value for name, value in raw.attributes.items() if name != semconv.ATLAS_EVENTS},
        [event for event in raw.events if (event.time_ns, event.name) not in shown],
        packed,
    )


def _heard(raw: RawSpan, key: str | None) -> tuple[Sequence[SpanEvent], Sequence[EventRecord]]:
    """Events of a span of ours that came back from where ``atlas.events`` does not go, and the records of those that
    can be read."""
    read = [(event, heard(event, raw.trace_id, raw.span_id, key)) for event in raw.events]
    return [event for event, record in read if record is None], [record for _, record in read if record is not None]


def _count(number: int) -> int:
    return max(0, min(number, _MAX_COUNT))
