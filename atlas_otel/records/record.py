"""The immutable record of a span, and of an event on it: what everything below the recording reads. Pure.

A run is kept as two kinds of record and nothing else:

- :class:`SpanRecord`: one per (trace id, span id). Several may exist for one span while it runs and travels (an
  open snapshot, the end, a copy that came over OTLP, the reaper's mark): :func:`merge_spans` is a join of a
  semilattice, so that any order, duplication or batching of them gives the same record.
- :class:`EventRecord`: append-only, one per (trace id, span id, sequence).

Both travel as one JSON array (:func:`encode_record`): in the spool, and between a queue and its writer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple, TypeAlias

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.records.utf8 import texts_of

AttributeValue: TypeAlias = (
    "str | bytes | bool | int | float | Sequence[AttributeValue] | Mapping[str, AttributeValue] | None"
)
"""A span attribute as OpenTelemetry has it (its newer SDKs allow mappings and nulls too).

``bytes``: a long captured text as it was encoded (``records.utf8``), in the process that captured it, until
:func:`readable` decodes it."""
Attributes: TypeAlias = Mapping[str, AttributeValue]

# Rank of a record among those of one span: ended over reaped over open; and at each of these, what was taken in the
# process (no limit applied) over what came through OTLP (limits may have cut it).
RANK_OPEN: Final = 1
RANK_REAPED: Final = 3
RANK_ENDED_OTLP: Final = 4
RANK_ENDED: Final = 5

STATUS_UNSET: Final = 0
STATUS_OK: Final = 1
STATUS_ERROR: Final = 2


class SpanEvent(NamedTuple):
    """An event that stands on an OTel span (an exception, say), as the SDK has it."""

    name: str
    time_ns: int
    attributes: Attributes


class SpanLink(NamedTuple):
    """A link of an OTel span to another one."""

    trace_id: str
    span_id: str
    attributes: Attributes


class SpanRecord(NamedTuple):
    """One span, as it was at one moment.

    Times are Unix nanoseconds. ``trace_id`` and ``span_id`` are lower-case hex (32 and 16 digits), as Jaeger shows
    them. ``session_key`` is None for a span whose session is not known (yet). ``kind`` is ``atlas.kind`` where the
    span has one, else None: what it means is for the dialects to say. ``version`` orders snapshots of one span: the
    time at which this one was taken. ``resource`` is the producing process' OTel resource.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    session_key: str | None
    name: str
    kind: str | None
    span_kind: int
    start_ns: int
    end_ns: int | None
    status: int
    status_message: str | None
    attributes: Attributes
    events: Sequence[SpanEvent]
    links: Sequence[SpanLink]
    scope: str
    resource: Attributes
    rank: int
    version: int
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """(trace id, span id): what identifies the span in every store."""
        return (self.trace_id, self.span_id)

    @property
    def ended(self) -> bool:
        """Whether the span's own end is known."""
        return self.rank >= RANK_ENDED_OTLP


class EventRecord(NamedTuple):
    """Something that happened on a span and was reported through our API: written at once, never changed.

    ``sequence`` is the reporting process' clock in Unix nanoseconds, made strictly increasing within the process:
    it is the event's time, its place in the order, and with the two ids its key. ``payload`` is JSON text.
    """

    trace_id: str
    span_id: str
    sequence: int
    session_key: str | None
    name: str
    payload: str

    @property
    def key(self) -> tuple[str, str, int]:
        """What identifies the event in every store."""
        return (self.trace_id, self.span_id, self.sequence)


Record: TypeAlias = SpanRecord | EventRecord


def readable(span: SpanRecord) -> SpanRecord:
    """The span with all its texts as text: its own process keeps long ones as it encoded them (``utf8``)."""
    texts = texts_of(span.attributes)
    return span if texts is span.attributes else span._replace(attributes=texts)


def merge_spans(a: SpanRecord, b: SpanRecord) -> SpanRecord:
    """The better of two records of one span: by rank, then version, then content.

    Associative, commutative and idempotent, so that records may come in any order and any number of times. The session
    key is joined apart: a record that lacks it takes the other's, and of two the larger stands (only a forger, or a
    trace whose session was found out late, has two).
    """
    if a == b:
        return a
    ranked_a, ranked_b = (a.rank, a.version), (b.rank, b.version)
    first = _content(a) >= _content(b) if ranked_a == ranked_b else ranked_a > ranked_b
    winner = a if first else b
    key = _joined_key(a, b)
    return winner if winner.session_key == key else winner._replace(session_key=key)


def merge_events(a: EventRecord, b: EventRecord) -> EventRecord:
    """The same join for two records of one event, which differ only if somebody forged one."""
    winner = a if (a.name, a.payload) >= (b.name, b.payload) else b
    key = _joined_key(a, b)
    return winner if winner.session_key == key else winner._replace(session_key=key)


def _joined_key(a: SpanRecord | EventRecord, b: SpanRecord | EventRecord) -> str | None:
    return max((key for key in (a.session_key, b.session_key) if key is not None), default=None)


def _content(span: SpanRecord) -> tuple[object, ...]:
    """What differs where two records of one span do, to be compared as write_spans_again.sql compares rows.

    Without the session key, which is joined, not chosen. Raises RecordError where a value is not JSON, and ValueError
    where a text is not Unicode.
    """
    return (
        *(span.span_kind, span.status, span.start_ns, *_ordered(span.end_ns)),
        *(span.dropped_attributes, span.dropped_events, span.dropped_links),
        *(span.name.encode(), span.scope.encode()),
        *(*_ordered(span.parent_span_id), *_ordered(span.kind), *_ordered(span.status_message)),
        resource_hash(_encoded(span.resource)),
        *(_encoded(span.attributes), _encoded(span.events), _encoded(span.links)),
    )


def _ordered(value: str | int | None) -> tuple[bool, bytes | int]:
    # None stands apart from, and before, all others.
    if value is None:
        return False, b""
    return True, value.encode() if isinstance(value, str) else value


def _encoded(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=plain_json, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise RecordError(f"what a span holds cannot be encoded: {error}") from None


def resource_hash(encoded: bytes) -> bytes:
    """What a resource is known by, from its JSON."""
    return hashlib.blake2b(encoded, digest_size=16).digest()


class RecordSet:
    """The merged records of any number of spans and events: a set that only grows."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.spans: dict[tuple[str, str], SpanRecord] = {}
        self.events: dict[tuple[str, str, int], EventRecord] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> bool:
        """Join one record in; says whether that changed anything."""
        if isinstance(record, EventRecord):
            known = self.events.get(record.key)
            joined = record if known is None else merge_events(known, record)
            if joined == known:
                return False
            self.events[record.key] = joined
            return True
        held = self.spans.get(record.key)
        merged = record if held is None else merge_spans(held, record)
        if merged == held:
            return False
        self.spans[record.key] = merged
        return True

    def __iter__(self) -> Iterator[Record]:
        yield from self.spans.values()
        yield from self.events.values()

    def __len__(self) -> int:
        return len(self.spans) + len(self.events)


_SPAN_TAG: Final = "s"
_EVENT_TAG: Final = "e"


def encode_record(record: Record) -> bytes:
    """One record as a JSON array: a tag, then its fields in order.

    Raises RecordError where a value is not JSON: whoever makes records normalises first (``capture``).
    """
    tag = _SPAN_TAG if isinstance(record, SpanRecord) else _EVENT_TAG
    try:
        return orjson.dumps((tag, *record), default=plain_json, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise RecordError(f"a {type(record).__name__} cannot be encoded: {error}") from None


def plain_json(value: object) -> object:
    """What orjson refuses of an attribute, as what it takes: its ``default=`` hook."""
    if isinstance(value, tuple):  # SpanEvent and SpanLink: orjson takes exact tuples only
        return tuple(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


_TEXT: Final = (str,)
_MAYBE_TEXT: Final = (str, type(None))
_NUMBER: Final = (int,)


def _forms(*fields: tuple[type, ...]) -> frozenset[tuple[type, ...]]:
    """Every way in which the types of a record's fields may come together: so one look tells of all of them."""
    return frozenset(product(*fields))


_EVENT_FORMS: Final = _forms(_TEXT, _TEXT, _NUMBER, _MAYBE_TEXT, _TEXT, _TEXT)
_SPAN_FORMS: Final = _forms(
    *(_TEXT, _TEXT, _MAYBE_TEXT, _MAYBE_TEXT, _TEXT, _MAYBE_TEXT, _NUMBER, _NUMBER, (int, type(None)), _NUMBER),
    *(_MAYBE_TEXT, (dict,), (list,), (list,), _TEXT, (dict,), *(_NUMBER,) * 5),
)


def _check(fields: tuple[object, ...], forms: frozenset[tuple[type, ...]]) -> None:
    """TypeError where a field is not of its type: damage is to be found here, not by whoever computes with it."""
    if tuple(map(type, fields)) not in forms:
        raise TypeError(f"its fields are {', '.join(type(value).__name__ for value in fields)}")


def decode_record(data: bytes | memoryview | str) -> Record:
    """The inverse of :func:`encode_record`. Raises RecordError on anything else."""
    try:
        tag, *fields = orjson.loads(data)
        if tag == _EVENT_TAG:
            event = EventRecord(*fields)
            _check(event, _EVENT_FORMS)
            return event
        if tag == _SPAN_TAG:
            span = SpanRecord(*fields)
            _check(span, _SPAN_FORMS)
            if not span.events and not span.links:
                return span
            return span._replace(
                events=tuple(SpanEvent(*event) for event in span.events),
                links=tuple(SpanLink(*link) for link in span.links),
            )
    except (ValueError, TypeError) as error:
        raise RecordError(f"not a record of atlas-otel: {error}") from None
    raise RecordError(f"not a record of atlas-otel: its tag is {tag!r}")
