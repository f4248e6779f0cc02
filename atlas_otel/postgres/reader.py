"""Reads records and contract rows back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson
from psycopg.adapt import Loader

from atlas_otel.models.rows import (
    GuidanceRow,
    SessionRow,
    SessionRows,
    StepAttemptRow,
    StepResultRow,
    TrajectoryEventRow,
)
from atlas_otel.postgres import rows
from atlas_otel.postgres.statements import statement
from atlas_otel.process.yielding import yielding
from atlas_otel.records.record import EventRecord, RecordSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import psycopg
    from psycopg.abc import Buffer

    from atlas_otel.records.record import Attributes, Record, SpanRecord

RECORD_BYTES: Final = 1_500
"""What a record weighs beside its text."""

# OFFSET 0: each session by the index, also where the tables were never analysed. Else many sessions at once are looked
# for through the whole table, and what grows is read again and again.
_SINCE = """
FROM unnest(%(keys)s::text[], %(revisions)s::bigint[]) AS wanted (wanted_key, since)
CROSS JOIN LATERAL (
    SELECT {columns} FROM atlas_otel.{table} WHERE session_key = wanted_key COLLATE "C" AND revision > since OFFSET 0
) AS found
"""
_SPANS = f"SELECT found.* {_SINCE.format(columns=', '.join(rows.SPAN_COLUMNS), table='spans')}".encode()
_EVENTS = f"SELECT found.* {_SINCE.format(columns=', '.join(rows.EVENT_COLUMNS), table='span_events')}".encode()
_BY_ID = """
FROM unnest(%(traces)s::text[], %(spans)s::text[]) AS wanted (wanted_trace, wanted_span)
JOIN atlas_otel.{table} AS found
    ON found.trace_id = wanted_trace COLLATE "C" AND found.span_id = wanted_span COLLATE "C"
"""
_SPANS_BY_ID = f"SELECT {', '.join(rows.SPAN_COLUMNS)} {_BY_ID.format(table='spans')}".encode()
_EVENTS_BY_ID = f"SELECT {', '.join(rows.EVENT_COLUMNS)} {_BY_ID.format(table='span_events')}".encode()
_OF_TRACE = f"SELECT {', '.join(rows.SPAN_COLUMNS)} FROM atlas_otel.spans WHERE trace_id = %s".encode()  # noqa: S608  (constants)


class ProjectionState(NamedTuple):
    """How the rows of the session called ``key`` stand to its records.

    ``waits``: they are still to follow them. ``error``: why they could not be computed. ``archived``: the records are
    in a lake, and not here.
    """

    key: str
    waits: bool
    error: str | None
    archived: bool = False


class StoredRecords:
    """Records of one session as they came from the server: each is parsed when it is its turn."""

    def __init__(self, resources: Mapping[bytes, Attributes]) -> None:
        self.spans: list[rows.SpanRow] = []
        self.events: list[EventRecord] = []
        """Their payloads are bytes still."""
        self._resources = resources

    @property
    def began_ns(self) -> int:
        """When the first span started; 0 without one."""
        return min((span.start_ns for span in self.spans), default=0)

    def __iter__(self) -> Iterator[Record]:
        for span in self.spans:
            yield rows.from_span_row(span, self._resources.get(span.resource_hash, {}))
        for event in self.events:
            yield event._replace(payload=cast("bytes", event.payload).decode())

    def __len__(self) -> int:
        return len(self.spans) + len(self.events)


class _RawJson(Loader):
    """JSON as it stands, for code that parses it itself or hands it on."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def read_records(connection: psycopg.Connection, key: str) -> RecordSet:
    """All records of the session with this key; an empty set where there are none."""
    return RecordSet(read_records_since(connection, {key: 0})[key])


def read_records_since(connection: psycopg.Connection, revisions: Mapping[str, int]) -> dict[str, StoredRecords]:
    """By session key, the records that were stored after the revision given for it; 0: all."""
    since = {"keys": list(revisions), "revisions": list(revisions.values())}
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("json", _RawJson)
        span_rows = [rows.SpanRow(*row) for row in cursor.execute(_SPANS, since)]
        hashes = list({row.resource_hash for row in span_rows})
        cursor.execute("SELECT hash, attributes FROM atlas_otel.resources WHERE hash = ANY (%s)", [hashes])
        resources: dict[bytes, Attributes] = {key: orjson.loads(attributes) for key, attributes in cursor}
        found = {key: StoredRecords(resources) for key in revisions}
        for span in yielding(span_rows):
            found[cast("str", span.session_key)].spans.append(span)
        for row in yielding(cursor.execute(_EVENTS, since)):
            event = EventRecord(*row)
            found[cast("str", event.session_key)].events.append(event)
    return found


def read_spans(connection: psycopg.Connection, ids: Sequence[tuple[str, str]]) -> list[Record]:
    """These spans, by their ids, and the events on them."""
    wanted = {"traces": [trace for trace, _ in ids], "spans": [span for _, span in ids]}
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("json", _RawJson)
        span_rows = [rows.SpanRow(*row) for row in cursor.execute(_SPANS_BY_ID, wanted)]
        hashes = list({row.resource_hash for row in span_rows})
        cursor.execute("SELECT hash, attributes FROM atlas_otel.resources WHERE hash = ANY (%s)", [hashes])
        found = StoredRecords({key: orjson.loads(attributes) for key, attributes in cursor})
        found.spans += span_rows
        found.events += [EventRecord(*row) for row in cursor.execute(_EVENTS_BY_ID, wanted)]
    return list(found)


def count_records_since(
    connection: psycopg.Connection, revisions: Mapping[str, int], most: int | None = None
) -> dict[str, int]:
    """By session key, how many records :func:`read_records_since` would read; ``most`` or more where there are as
    many (None: how many exactly)."""
    since = {"keys": list(revisions), "revisions": list(revisions.values()), "most": most}
    return dict(connection.execute(statement("count_records_since"), since).fetchall())


def weigh_records_since(connection: psycopg.Connection, revisions: Mapping[str, int]) -> dict[str, int]:
    """By session key, what the records that :func:`read_records_since` would read weigh in memory, in bytes."""
    since = {"keys": list(revisions), "revisions": list(revisions.values())}
    found = connection.execute(statement("weigh_records_since"), since)
    return {key: count * RECORD_BYTES + size for key, count, size in found}


def projection_states(connection: psycopg.Connection, keys: Sequence[str]) -> dict[str, ProjectionState]:
    """By session key, how the rows stand to the records; a key that we never recorded is not among them."""
    found = connection.execute(statement("projection_states"), {"keys": list(keys)})
    return {row[0]: ProjectionState(*row) for row in found}


def read_spans_of(connection: psycopg.Connection, trace_id: str) -> list[SpanRecord]:
    """The spans of a trace, in no order, without their resources."""
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("json", _RawJson)
        return [rows.from_span_row(rows.SpanRow(*row), {}) for row in cursor.execute(_OF_TRACE, [trace_id])]


def read_rows(connection: psycopg.Connection, key: str) -> SessionRows | None:
    """The contract rows of the session with this key, as stored now."""
    return read_rows_of(connection, [key]).get(key)


def read_rows_of(connection: psycopg.Connection, keys: Sequence[str]) -> dict[str, SessionRows]:
    """By session key, the contract rows as stored now; a session that has none is not among them."""
    which = {"keys": list(keys)}
    found: dict[str, SessionRows] = {}
    with connection.cursor() as cursor, connection.cursor() as events:
        for key, *fields, plan in cursor.execute(statement("read_session"), which):
            found[key] = SessionRows(SessionRow(*fields), plan or {})
        which = {"keys": list(found)}
        for key, *fields in cursor.execute(statement("read_steps"), which):
            found[key].steps.append(StepResultRow(*fields))
        for key, *fields in cursor.execute(statement("read_attempts"), which):
            found[key].attempts.append(StepAttemptRow(*fields))
        for key, *fields in cursor.execute(statement("read_guidance"), which):
            found[key].guidance.append(GuidanceRow(*fields))
        events.adapters.register_loader("jsonb", _RawJson)
        for key, time_ns, event_key, event in events.execute(statement("read_trajectory"), which):
            found[key].events.append(TrajectoryEventRow(time_ns, event_key, event.decode()))
    return found
