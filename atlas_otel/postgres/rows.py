"""Records → rows of ``atlas_otel.spans`` and ``atlas_otel.span_events`` in the binary COPY format, and back. Pure.

A row's fields are the columns of its staging table in order, as the INSERTs in ``write_*.sql`` list them, and then the
write's revision. A record becomes bytes in one step: an object in between takes as long as the bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.postgres.copy_buffer import NULL, bigint, raw, text
from atlas_otel.records.record import EventRecord, SpanEvent, SpanLink, SpanRecord, plain_json, resource_hash

if TYPE_CHECKING:
    from atlas_otel.records.record import Attributes

# What a record that cannot become a row raises: a number out of range, a lone surrogate, a value that is not JSON.
UNREPRESENTABLE: Final = (RecordError, struct.error, ValueError, TypeError)


class SpanRow(NamedTuple):
    """A row of ``atlas_otel.spans`` as it is read: its columns but for the revision."""

    span_kind: int
    status: int
    rank: int
    start_ns: int
    version: int
    dropped_attributes: int
    dropped_events: int
    dropped_links: int
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


SPAN_COLUMNS: Final = SpanRow._fields
EVENT_COLUMNS: Final = EventRecord._fields


class ResourceEncoder:
    """Encodes resources, each once: the spans of a process share one."""

    def __init__(self) -> None:
        self.encoded: dict[bytes, bytes] = {}
        """JSON by hash."""
        self._hashes: dict[bytes, bytes] = {}
        self._seen: dict[int, tuple[bytes, Attributes]] = {}  # with the object, so that its id stays its own

    def hash_of(self, resource: Attributes) -> bytes:
        """What a resource stands under in :attr:`encoded`."""
        seen = self._seen.get(id(resource))
        if seen is None:  # those that were decoded one by one are equal, but not one object
            seen = self._seen[id(resource)] = (self._hash_of(_json(resource)), resource)
        return seen[0]

    def _hash_of(self, encoded: bytes) -> bytes:
        found = self._hashes.get(encoded)
        if found is None:
            found = self._hashes[encoded] = resource_hash(encoded)
            self.encoded[found] = encoded
        return found


def from_span_row(row: SpanRow, resource: Attributes) -> SpanRecord:
    """The record that :func:`span_to_copy` made the row of, with sequences as lists."""
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
        cast("Attributes", orjson.loads(row.attributes)),
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


# The nine fields that are never NULL and of fixed length stand first, so that one call packs them all.
_SPAN_HEAD: Final = struct.Struct(">h ih ih ih iq iq ii ii ii i16s").pack
_EVENT_HEAD: Final = struct.Struct(">h").pack
_SPAN_FIELDS: Final = len(SPAN_COLUMNS) + 1  # and the revision
_EVENT_FIELDS: Final = len(EVENT_COLUMNS) + 1


def span_to_copy(span: SpanRecord, resources: ResourceEncoder, revision: int | None) -> bytes:
    """The row of a span. Its resource stands in ``resources`` under its hash.

    Raises one of :data:`UNREPRESENTABLE` where a value is not JSON, or not of its column's type.
    """
    (
        trace_id, span_id, parent_span_id, session_key, name, kind, span_kind, start_ns, end_ns, status, message,
        attributes, events, links, scope, resource, rank, version, lost_attributes, lost_events, lost_links,
    ) = span  # fmt: skip
    head = _SPAN_HEAD(
        _SPAN_FIELDS, 2, span_kind, 2, status, 2, rank, 8, start_ns, 8, version,
        4, lost_attributes, 4, lost_events, 4, lost_links, 16, resources.hash_of(resource),
    )  # fmt: skip
    repeated = _REPEATED
    return b"".join(
        (
            head,
            repeated[trace_id],
            text(span_id),
            repeated[parent_span_id],
            repeated[session_key],
            repeated[name],
            repeated[kind],
            bigint(end_ns),
            text(message),
            repeated[scope],
            raw(_json(attributes)),
            raw(_json(events)) if events else NULL,
            raw(_json(links)) if links else NULL,
            bigint(revision),
        )
    )


def event_to_copy(event: EventRecord, revision: int | None) -> bytes:
    """The row of an event. Raises one of :data:`UNREPRESENTABLE`."""
    trace_id, span_id, sequence, session_key, name, payload = event
    repeated = _REPEATED
    return b"".join(
        (
            _EVENT_HEAD(_EVENT_FIELDS),
            repeated[trace_id],
            text(span_id),
            bigint(sequence),
            repeated[session_key],
            repeated[name],
            text(payload),
            bigint(revision),
        )
    )


class _Repeated(dict["str | None", bytes]):
    """Texts as fields of COPY: those that many rows of a batch share are encoded once."""

    _MOST: Final = 4096
    _LONGEST: Final = 256

    def __missing__(self, value: str | None) -> bytes:
        field = text(value)
        if len(field) <= self._LONGEST:
            if len(self) >= self._MOST:
                self.clear()
            self[value] = field
        return field


_REPEATED: Final = _Repeated()


def _json(value: object) -> bytes:
    return orjson.dumps(value, default=plain_json, option=orjson.OPT_PASSTHROUGH_DATACLASS)
