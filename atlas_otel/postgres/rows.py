"""Records ⇄ rows of ``atlas_otel.spans`` and ``atlas_otel.span_events``: a pure pair each way.

A row's fields are the columns of its staging table in order, as the INSERTs in ``write_*.sql`` list them.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.postgres import copy_buffer
from atlas_otel.span_record import EventRecord, SpanEvent, SpanLink, SpanRecord, plain_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.span_record import Attributes, AttributeValue

# What a record that cannot become a row raises: a number out of range, a lone surrogate, a value that is not JSON.
UNREPRESENTABLE: Final = (RecordError, struct.error, ValueError, TypeError)


class SpanRow(NamedTuple):
    """A row of ``atlas_otel.spans`` as it is written; ``revision`` is the writer's to add."""

    span_kind: int
    status: int
    rank: int
    start_ns: int
    version: int
    dropped_attributes: int
    dropped_events: int
    dropped_links: int
    content_hash: bytes
    resource_hash: bytes
    trace_id: str
    span_id: str
    parent_span_id: str | None
    session_key: str | None
    name: str
    kind: str | None
    end_ns: int | None
    status_message: str | None
    scope: str
    attributes: bytes
    events: bytes | None
    links: bytes | None


class EventRow(NamedTuple):
    """A row of ``atlas_otel.span_events`` as it is written."""

    trace_id: str
    span_id: str
    sequence: int
    session_key: str | None
    name: str
    payload: str


SPAN_COLUMNS: Final = SpanRow._fields
EVENT_COLUMNS: Final = EventRow._fields


class ResourceEncoder:
    """Encodes resources, each once: the spans of a process share one."""

    def __init__(self) -> None:
        self.encoded: dict[bytes, bytes] = {}
        """JSON by hash."""
        self._seen: dict[int, tuple[Attributes, bytes, bytes]] = {}  # with the object, so that its id stays its own

    def encode(self, resource: Attributes) -> tuple[bytes, bytes]:
        """The hash of a resource, and its JSON."""
        seen = self._seen.get(id(resource))
        if seen is None:
            encoded = _json(resource)
            seen = (resource, hashlib.blake2b(encoded, digest_size=16).digest(), encoded)
            self._seen[id(resource)] = seen
            self.encoded[seen[1]] = encoded
        return seen[1:]


def to_span_row(span: SpanRecord, resources: ResourceEncoder) -> SpanRow:
    """The row of a span. Its resource stands in ``resources`` under its hash.

    Raises one of :data:`UNREPRESENTABLE` where a value is not JSON.
    """
    attributes = _json(span.attributes)
    resource_hash, resource = resources.encode(span.resource)
    events = _json(span.events) if span.events else None
    links = _json(span.links) if span.links else None
    return SpanRow(
        span.span_kind,
        span.status,
        span.rank,
        span.start_ns,
        span.version,
        span.dropped_attributes,
        span.dropped_events,
        span.dropped_links,
        _tie(span, attributes, events, links, resource),
        resource_hash,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.session_key,
        span.name,
        span.kind,
        span.end_ns,
        span.status_message,
        span.scope,
        attributes,
        events,
        links,
    )


def from_span_row(row: SpanRow, resource: Attributes) -> SpanRecord:
    """The inverse of :func:`to_span_row`: the record, with sequences as lists."""
    return SpanRecord(
        row.trace_id,
        row.span_id,
        row.parent_span_id,
        row.session_key,
        row.name,
        row.kind,
        row.span_kind,
        row.start_ns,
        row.end_ns,
        row.status,
        row.status_message,
        cast("Mapping[str, AttributeValue]", orjson.loads(row.attributes)),
        tuple(SpanEvent(*event) for event in orjson.loads(row.events)) if row.events else (),
        tuple(SpanLink(*link) for link in orjson.loads(row.links)) if row.links else (),
        row.scope,
        resource,
        row.rank,
        row.version,
        row.dropped_attributes,
        row.dropped_events,
        row.dropped_links,
    )


def to_event_row(event: EventRecord) -> EventRow:
    """The row of an event."""
    return EventRow(event.trace_id, event.span_id, event.sequence, event.session_key, event.name, event.payload)


def from_event_row(row: EventRow) -> EventRecord:
    """The inverse of :func:`to_event_row`."""
    return EventRecord(row.trace_id, row.span_id, row.sequence, row.session_key, row.name, row.payload)


# The ten fields that are never NULL and of fixed length stand first, so that one call packs them all.
_SPAN_HEAD: Final = struct.Struct(">h ih ih ih iq iq ii ii ii i16s i16s").pack
_EVENT_HEAD: Final = struct.Struct(">h").pack
_SPAN_FIELDS: Final = len(SPAN_COLUMNS) + 1  # and the revision
_EVENT_FIELDS: Final = len(EVENT_COLUMNS) + 1


def span_to_copy(row: SpanRow, revision: int | None) -> bytes:
    """A span's row in the binary COPY format. Raises one of :data:`UNREPRESENTABLE`."""
    kind, status, rank, start, version, attributes, events, links, content, resource = row[:10]
    repeated, bigint, raw = _REPEATED, copy_buffer.bigint, copy_buffer.raw
    return b"".join(
        (
            _SPAN_HEAD(
                *(_SPAN_FIELDS, 2, kind, 2, status, 2, rank, 8, start, 8, version),
                *(4, attributes, 4, events, 4, links, 16, content, 16, resource),
            ),
            repeated[row.trace_id],
            copy_buffer.text(row.span_id),
            repeated[row.parent_span_id],
            repeated[row.session_key],
            repeated[row.name],
            repeated[row.kind],
            bigint(row.end_ns),
            copy_buffer.text(row.status_message),
            repeated[row.scope],
            raw(row.attributes),
            raw(row.events),
            raw(row.links),
            bigint(revision),
        )
    )


def event_to_copy(row: EventRow, revision: int | None) -> bytes:
    """An event's row in the binary COPY format. Raises one of :data:`UNREPRESENTABLE`."""
    text = copy_buffer.text
    return b"".join(
        (
            _EVENT_HEAD(_EVENT_FIELDS),
            text(row.trace_id),
            text(row.span_id),
            copy_buffer.bigint(row.sequence),
            text(row.session_key),
            text(row.name),
            text(row.payload),
            copy_buffer.bigint(revision),
        )
    )


class _Repeated(dict["str | None", bytes]):
    """Texts as fields of COPY: those that many rows of a batch share are encoded once."""

    _MOST: Final = 4096
    _LONGEST: Final = 256

    def __missing__(self, value: str | None) -> bytes:
        field = copy_buffer.text(value)
        if len(field) <= self._LONGEST:
            if len(self) >= self._MOST:
                self.clear()
            self[value] = field
        return field


_REPEATED: Final = _Repeated()


def _json(value: object) -> bytes:
    return orjson.dumps(value, default=plain_json, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _tie(span: SpanRecord, attributes: bytes, events: bytes | None, links: bytes | None, resource: bytes) -> bytes:
    """``content_hash(span)`` without its session key, as ``merge_spans`` breaks ties, from JSON made already."""
    fragment = orjson.Fragment
    whole = orjson.dumps(
        (
            "s",
            span.trace_id,
            span.span_id,
            span.parent_span_id,
            None,
            span.name,
            span.kind,
            span.span_kind,
            span.start_ns,
            span.end_ns,
            span.status,
            span.status_message,
            fragment(attributes),
            fragment(events or b"[]"),
            fragment(links or b"[]"),
            span.scope,
            fragment(resource),
            span.rank,
            span.version,
            span.dropped_attributes,
            span.dropped_events,
            span.dropped_links,
        )
    )
    return hashlib.blake2b(whole, digest_size=16).digest()
