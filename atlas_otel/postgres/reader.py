"""Reads records and contract rows back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

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
from atlas_otel.postgres.sql import statement
from atlas_otel.span_record import RecordSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg
    from psycopg.abc import Buffer

    from atlas_otel.span_record import Attributes, Record

_SPANS = f"SELECT {', '.join(rows.SPAN_COLUMNS)} FROM atlas_otel.spans WHERE session_key = ANY (%s)".encode()  # noqa: S608  (constants)
_EVENTS = f"SELECT {', '.join(rows.EVENT_COLUMNS)} FROM atlas_otel.span_events WHERE session_key = ANY (%s)".encode()  # noqa: S608
_MAX_ID = 2**31 - 1


class SessionIds(NamedTuple):
    """Both names of a session: no ``key`` where another program wrote it, no ``id`` before it is first projected."""

    key: str | None
    id: int | None


class _RawJson(Loader):
    """JSON as it stands, for code that parses it itself or hands it on."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def resolve_session(connection: psycopg.Connection, name: str) -> SessionIds | None:
    """The session that ``name`` means: a key of ours, else a ``sessions.id``; None where there is none."""
    row = connection.execute("SELECT key, id FROM atlas_otel.sessions WHERE key = %s", [name]).fetchone()
    if row is None and name.isascii() and name.isdigit() and int(name) <= _MAX_ID:
        row = connection.execute(
            "SELECT ours.key, theirs.id FROM public.sessions AS theirs "
            "LEFT JOIN atlas_otel.sessions AS ours USING (id) WHERE theirs.id = %s",
            [int(name)],
        ).fetchone()
    return None if row is None else SessionIds(*row)


def read_records(connection: psycopg.Connection, keys: Sequence[str]) -> dict[str, RecordSet]:
    """The records of each of these sessions; an empty set where there are none."""
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("json", _RawJson)
        span_rows = [rows.SpanRow(*row) for row in cursor.execute(_SPANS, [list(keys)])]
        hashes = list({row.resource_hash for row in span_rows})
        cursor.execute("SELECT hash, attributes FROM atlas_otel.resources WHERE hash = ANY (%s)", [hashes])
        resources: dict[bytes, Attributes] = {key: orjson.loads(attributes) for key, attributes in cursor}
        records: list[Record] = [rows.from_span_row(row, resources.get(row.resource_hash, {})) for row in span_rows]
        for row in cursor.execute(_EVENTS, [list(keys)]):
            event = rows.EventRow(*row)
            records.append(rows.from_event_row(event._replace(payload=cast("bytes", event.payload).decode())))
    return _by_session(keys, records)


def read_rows(connection: psycopg.Connection, key: str) -> SessionRows | None:
    """The contract rows of the session with this key, as stored now."""
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("json", _RawJson)
        ids = {"key": key}
        session = cursor.execute(statement("read_session"), ids).fetchone()
        if session is None:
            return None
        *fields, plan = session
        events = connection.cursor()
        events.adapters.register_loader("jsonb", _RawJson)
        return SessionRows(
            session=SessionRow(*fields),
            plan=plan or {},
            steps=[StepResultRow(*row) for row in cursor.execute(statement("read_steps"), ids)],
            attempts=[StepAttemptRow(*row) for row in cursor.execute(statement("read_attempts"), ids)],
            guidance=[GuidanceRow(*row) for row in cursor.execute(statement("read_guidance"), ids)],
            events=[
                TrajectoryEventRow(time_ns, event_key, event.decode())
                for time_ns, event_key, event in events.execute(statement("read_trajectory"), ids)
            ],
        )


def _by_session(keys: Iterable[str], records: Iterable[Record]) -> dict[str, RecordSet]:
    found = {key: RecordSet() for key in keys}
    for record in records:
        assert record.session_key is not None  # they were selected by it
        found[record.session_key].add(record)
    return found
