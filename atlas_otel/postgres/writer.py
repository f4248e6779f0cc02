"""Joins a batch of records into the record's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.postgres import copy_buffer, rows
from atlas_otel.postgres.sql import statement
from atlas_otel.span_record import Record, RecordSet, SpanRecord
from atlas_otel.store import PoisonedRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

_COPY_SPANS = f"COPY spans_in ({', '.join(rows.SPAN_COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
_COPY_EVENTS = f"COPY span_events_in ({', '.join(rows.EVENT_COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()


class Batch(NamedTuple):
    """Records, encoded: nothing about them can fail any more but at the server."""

    records: Sequence[Record]
    spans: Sequence[bytes]
    events: Sequence[bytes]
    session_keys: Sequence[str]
    resources: dict[bytes, bytes]


def encode(records: Iterable[Record]) -> tuple[Batch, list[PoisonedRecord]]:
    """Merge and encode ``records``; those that cannot become a row come back beside, with the reason. Pure."""
    merged, refused = RecordSet(), []
    for record in records:
        try:
            merged.add(record)
        except rows.UNREPRESENTABLE as error:
            refused.append(PoisonedRecord(record, _reason(error)))
    spans, events, kept, keys = [], [], [], set()
    resources: dict[bytes, bytes] = {}
    # Sorted: two writers that meet in the same rows lock them in the same order.
    ordered: list[Record] = [merged.spans[key] for key in sorted(merged.spans)]
    ordered += [merged.events[key] for key in sorted(merged.events)]
    for record in ordered:
        try:
            if isinstance(record, SpanRecord):
                spans.append(rows.span_to_copy(rows.to_span_row(record, resources)))
            else:
                events.append(rows.event_to_copy(rows.to_event_row(record)))
        except rows.UNREPRESENTABLE as error:
            refused.append(PoisonedRecord(record, _reason(error)))
            continue
        kept.append(record)
        if record.session_key is not None:
            keys.add(record.session_key)
    return Batch(kept, spans, events, sorted(keys), resources), refused


def prepare(connection: psycopg.Connection) -> None:
    """Make the staging tables that :func:`write` needs; once per connection."""
    connection.execute(statement("write_staging"))


def write(connection: psycopg.Connection, batch: Batch, known_resources: set[bytes]) -> None:
    """Join ``batch`` in and mark its sessions dirty, inside the transaction of the caller.

    ``known_resources``: hashes of resources that are stored already.
    """
    _touch(connection, batch.session_keys)
    new = {key: value for key, value in batch.resources.items() if key not in known_resources}
    if new:
        texts = [value.decode() for value in new.values()]
        connection.execute(statement("write_resources"), {"hashes": list(new), "attributes": texts})
    strays: set[str] = set()
    if batch.spans:
        strays |= _join(connection, _COPY_SPANS, batch.spans, "write_spans", batch.session_keys)
    if batch.events:
        strays |= _join(connection, _COPY_EVENTS, batch.events, "write_events", batch.session_keys)
    if strays:
        _touch(connection, sorted(strays))
        connection.execute(statement("write_strays"), {"keys": sorted(strays)})


def set_aside(connection: psycopg.Connection, record: bytes, reason: str) -> None:
    """Keep a record that was refused for good, as it would stand in the spool."""
    connection.execute(
        "INSERT INTO atlas_otel.poison (record, reason) VALUES (%s, %s)", [record, reason.replace("\x00", "")]
    )


def _touch(connection: psycopg.Connection, keys: Sequence[str]) -> None:
    if keys:
        connection.execute(statement("write_sessions"), {"keys": keys})


def _join(
    connection: psycopg.Connection, copy_in: bytes, rows_in: Sequence[bytes], name: str, keys: Sequence[str]
) -> set[str]:
    with connection.cursor() as cursor:
        with cursor.copy(copy_in) as copy:
            copy.write(b"".join((copy_buffer.HEADER, *rows_in, copy_buffer.TRAILER)))
        if cursor.execute(statement(name)).rowcount == len(rows_in):
            return set()
        return {key for (key,) in cursor.execute(statement(f"{name}_again"), {"keys": list(keys)})}


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
