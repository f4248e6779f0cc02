"""The tables of a lake, and a record as a row of them. Pure.

Three tables in one namespace: ``spans`` and ``span_events`` hold records, any number of times each;
``tombstones`` names what was deleted. What a query filters by is a typed column; what a span holds (attributes, the
SDK's events, links, its resource) is opaque JSON text, exactly as Postgres keeps it.

A record's *owner* is what it is grouped and partitioned by: the session that it names, else the one that was found
through its trace, else the session that its trace would be by itself (``implicit_session``). Only where a trace has
records that name a session and others that do not, the latter's owner may be wrong: ``session_trace`` says through
which trace it is to be found (:mod:`atlas_otel.lake.placing`).

How the schema changes: columns are added, as optional ones with a new field id, or widened; none is removed, renamed
or given another meaning. ``atlas.schema-version`` in a table's properties is the newest that wrote it; a program that
knows a lower one refuses to write and reads the columns that it knows.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.projection.trace_sessions import implicit_session, late_target
from atlas_otel.records.record import EventRecord, SpanEvent, SpanLink, SpanRecord, plain_json, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder

    from atlas_otel.records.record import Attributes, Record

NAMESPACE: Final = "atlas_otel"
SPANS: Final = "spans"
SPAN_EVENTS: Final = "span_events"
TOMBSTONES: Final = "tombstones"
VERSION: Final = 1
VERSION_PROPERTY: Final = "atlas.schema-version"
BUCKETS: Final = 16
"""Parts of a day, by the owner's hash."""

_NS_IN_US: Final = 1_000
_LEAST_INT: Final = -(2**31)
_LEAST_LONG: Final = -(2**63)


class Column(NamedTuple):
    """A column: ``type`` is ``string``, ``int``, ``long`` or ``timestamptz`` (microseconds, UTC), as Iceberg names
    them; ``id`` is Iceberg's field id and stays for ever."""

    id: int
    name: str
    type: str
    required: bool
    doc: str


_SHARED: Final = (
    Column(1, "owner", "string", True, "what the record is grouped by: a session's key"),
    Column(2, "session_key", "string", False, "the session that the record itself names"),
    Column(3, "session_trace", "string", False, "the trace through which its session is found, where it names none"),
    Column(4, "trace_id", "string", True, "32 hex digits"),
    Column(5, "span_id", "string", True, "16 hex digits"),
    Column(6, "name", "string", True, ""),
)
SPAN_COLUMNS: Final = (
    *_SHARED,
    Column(7, "start_time", "timestamptz", True, "start_ns, in microseconds: what the table is partitioned by"),
    Column(8, "start_ns", "long", True, "Unix nanoseconds"),
    Column(9, "end_ns", "long", False, "Unix nanoseconds"),
    Column(10, "parent_span_id", "string", False, ""),
    Column(11, "kind", "string", False, "atlas.kind"),
    Column(12, "span_kind", "int", True, "OpenTelemetry's number"),
    Column(13, "status", "int", True, "0 unset, 1 ok, 2 error"),
    Column(14, "status_message", "string", False, ""),
    Column(15, "scope", "string", True, "the instrumentation's name"),
    Column(16, "rank", "int", True, "1 open, 3 reaped, 4 ended (OTLP), 5 ended (in process)"),
    Column(17, "version", "long", True, "orders snapshots of one span"),
    Column(18, "dropped_attributes", "int", True, ""),
    Column(19, "dropped_events", "int", True, ""),
    Column(20, "dropped_links", "int", True, ""),
    Column(21, "attributes", "string", True, "JSON object"),
    Column(22, "events", "string", False, "JSON array of [name, time_ns, attributes]"),
    Column(23, "links", "string", False, "JSON array of [trace_id, span_id, attributes]"),
    Column(24, "resource", "string", True, "JSON object: the process' OTel resource"),
)
EVENT_COLUMNS: Final = (
    *_SHARED,
    Column(7, "time", "timestamptz", True, "sequence, in microseconds: what the table is partitioned by"),
    Column(8, "sequence", "long", True, "Unix nanoseconds; with the two ids the event's key"),
    Column(9, "payload", "string", True, "JSON"),
)
TOMBSTONE_COLUMNS: Final = (
    Column(1, "kind", "string", True, "session or trace"),
    Column(2, "id", "string", True, "the session's key, or the trace's id"),
    Column(3, "deleted_at", "timestamptz", True, ""),
)
COLUMNS: Final[Mapping[str, Sequence[Column]]] = {
    SPANS: SPAN_COLUMNS,
    SPAN_EVENTS: EVENT_COLUMNS,
    TOMBSTONES: TOMBSTONE_COLUMNS,
}

Row: TypeAlias = "tuple[Any, ...]"
"""The values of a table's columns, in their order; times are integers (microseconds)."""


def owner_of(record: Record, found: str | None = None) -> tuple[str, str | None]:
    """A record's owner, and the trace through which its session is found (None where it names one itself).

    ``found``: the session that was found through the trace.
    """
    if record.session_key is not None:
        return record.session_key, None
    target = late_target(record) if isinstance(record, SpanRecord) else None
    trace_id = record.trace_id if target is None else target[0]
    return found or implicit_session(trace_id), trace_id


def span_to_row(span: SpanRecord, found: str | None = None) -> Row:
    """A span as a row of ``spans``. ``found``: its session where it names none itself and it was found out.

    Raises RecordError where a value cannot be kept: it is not JSON, not Unicode, or out of its column's range.
    """
    owner, session_trace = owner_of(span, found)
    span = readable(span)
    row = (
        *(owner, span.session_key, session_trace, span.trace_id, span.span_id, span.name),
        *(span.start_ns // _NS_IN_US, span.start_ns, span.end_ns, span.parent_span_id, span.kind),
        *(span.span_kind, span.status, span.status_message, span.scope, span.rank, span.version),
        *(span.dropped_attributes, span.dropped_events, span.dropped_links),
        _json(span.attributes),
        _json(span.events) if span.events else None,
        _json(span.links) if span.links else None,
        _json(span.resource),
    )
    _check(row, SPAN_COLUMNS)
    return row


def event_to_row(event: EventRecord, found: str | None = None) -> Row:
    """An event as a row of ``span_events``. Raises RecordError as :func:`span_to_row` does."""
    owner, session_trace = owner_of(event, found)
    row = (
        *(owner, event.session_key, session_trace, event.trace_id, event.span_id, event.name),
        *(event.sequence // _NS_IN_US, event.sequence, event.payload),
    )
    _check(row, EVENT_COLUMNS)
    return row


def span_from_row(row: Mapping[str, Any]) -> SpanRecord:
    """The record of a row of ``spans``, by column: what :func:`span_to_row` was given, its sequences as tuples.

    Its ``session_key`` is what the record names; see :mod:`atlas_otel.lake.placing` for where it belongs. Raises
    RecordError where a payload is not the JSON that it should be.
    """
    try:
        return SpanRecord(
            row["trace_id"],
            row["span_id"],
            row["parent_span_id"],
            row["session_key"],
            row["name"],
            row["kind"],
            row["span_kind"],
            row["start_ns"],
            row["end_ns"],
            row["status"],
            row["status_message"],
            _object(row["attributes"]),
            tuple(SpanEvent(*event) for event in orjson.loads(row["events"])) if row["events"] else (),
            tuple(SpanLink(*link) for link in orjson.loads(row["links"])) if row["links"] else (),
            row["scope"],
            _object(row["resource"]),
            row["rank"],
            row["version"],
            row["dropped_attributes"],
            row["dropped_events"],
            row["dropped_links"],
        )
    except (ValueError, TypeError) as error:
        raise RecordError(f"span {row['trace_id']}/{row['span_id']} in the lake cannot be read: {error}") from None


def event_from_row(row: Mapping[str, Any]) -> EventRecord:
    """The record of a row of ``span_events``, by column."""
    return EventRecord(
        row["trace_id"], row["span_id"], row["sequence"], row["session_key"], row["name"], row["payload"]
    )


def _json(value: object) -> str:
    try:
        return orjson.dumps(value, default=plain_json, option=orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    except (TypeError, orjson.JSONEncodeError) as error:
        raise RecordError(f"what a span holds cannot be encoded: {error}") from None


def _object(text: str) -> Attributes:
    found = orjson.loads(text)
    if not isinstance(found, dict):
        raise ValueError("an object was expected")
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and (value.isascii() or _is_unicode(value))


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _within(least: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value < -least


_FITS: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": _is_text,
    "int": _within(_LEAST_INT),
    "long": _within(_LEAST_LONG),
    "timestamptz": _within(_LEAST_LONG),
}


def _check(row: Row, columns: Sequence[Column]) -> None:
    for value, column in zip(row, columns, strict=True):
        if value is None:
            if column.required:
                raise RecordError(f"a record's {column.name} is missing")
        elif not _FITS[column.type](value):
            raise RecordError(f"a record's {column.name} does not fit a {column.type} column of the lake")


@cache
def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema of a table, with Iceberg's field ids in its metadata."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "string": pa.string(),
        "int": pa.int32(),
        "long": pa.int64(),
        "timestamptz": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema(
        pa.field(
            column.name,
            types[column.type],
            nullable=not column.required,
            metadata={"PARQUET:field_id": str(column.id), **({"doc": column.doc} if column.doc else {})},
        )
        for column in COLUMNS[table]
    )


def to_arrow(table: str, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table, in the order in which files keep them: an owner's records stand together, by time."""
    import pyarrow as pa

    schema = arrow_schema(table)
    by_column = list(zip(*sorted(rows, key=_ORDER[table]), strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(values, type=field.type) for values, field in zip(by_column, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _span_order(row: Row) -> tuple[Any, ...]:
    return (row[0], row[7], row[3], row[4])


def _tombstone_order(row: Row) -> tuple[Any, ...]:
    return (row[0], row[1])


_ORDER: Final[Mapping[str, Callable[[Row], tuple[Any, ...]]]] = {
    SPANS: _span_order,
    SPAN_EVENTS: _span_order,
    TOMBSTONES: _tombstone_order,
}


def records_of(table: str, batches: Iterable[pa.RecordBatch]) -> Iterable[tuple[str, Record]]:
    """Each record of ``spans`` or ``span_events``, with the owner that its row states."""
    read: Callable[[Mapping[str, Any]], Record] = (
        span_from_row if table == SPANS else cast("Callable[[Mapping[str, Any]], Record]", event_from_row)
    )
    for batch in batches:
        for row in batch.to_pylist():
            yield row["owner"], read(row)


@cache
def iceberg_schema(table: str) -> Schema:
    """A table's schema as pyiceberg has it."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import IntegerType, LongType, NestedField, StringType, TimestamptzType

    types: dict[str, Any] = {
        "string": StringType(),
        "int": IntegerType(),
        "long": LongType(),
        "timestamptz": TimestamptzType(),
    }
    return Schema(
        *(
            NestedField(column.id, column.name, types[column.type], required=column.required, doc=column.doc or None)
            for column in COLUMNS[table]
        )
    )


@cache
def partition_spec(table: str) -> PartitionSpec:
    """How a table is partitioned: records by day, and in it by a bucket of the owner's hash."""
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
    from pyiceberg.transforms import BucketTransform, DayTransform

    if table == TOMBSTONES:
        return UNPARTITIONED_PARTITION_SPEC
    return PartitionSpec(
        PartitionField(source_id=7, field_id=1000, transform=DayTransform(), name="day"),
        PartitionField(source_id=1, field_id=1001, transform=BucketTransform(BUCKETS), name="bucket"),
    )


@cache
def sort_order(table: str) -> SortOrder:
    """How rows are sorted within a file."""
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortField, SortOrder
    from pyiceberg.transforms import IdentityTransform

    if table == TOMBSTONES:
        return UNSORTED_SORT_ORDER
    return SortOrder(*(SortField(source_id=number, transform=IdentityTransform()) for number in (1, 8, 4, 5)))
