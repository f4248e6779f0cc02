"""Joins batches of records into the record's tables, over one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from atlas_otel.postgres import copy_buffer, rows
from atlas_otel.postgres.statements import statement
from atlas_otel.process.yielding import yielding
from atlas_otel.records.record import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from atlas_otel.postgres.batch import MergedBatch, Owner
    from atlas_otel.postgres.overlap import OverlappingConnection
    from atlas_otel.records.record import EventRecord, Record

_MAX_OPEN_SPANS: Final = 100_000
_MAX_DETOUR: Final = 64
_CHUNK_BYTES: Final = 64 * 1024
"""How much is sent at a time: the server works on it while the next rows are encoded."""


class _Table(NamedTuple):
    copy_direct: bytes
    copy_staged: bytes
    insert: str
    join: str


def _table(target: str, staging: str, columns: Sequence[str], insert: str) -> _Table:
    listed = ", ".join((*columns, "revision"))
    return _Table(
        f"COPY atlas_otel.{target} ({listed}) FROM STDIN (FORMAT BINARY)".encode(),
        f"COPY {staging} ({listed}) FROM STDIN (FORMAT BINARY)".encode(),
        insert,
        f"{insert}_again",
    )


_SPANS: Final = _table("spans", "spans_in", rows.SPAN_COLUMNS, "write_spans")
_EVENTS: Final = _table("span_events", "span_events_in", rows.EVENT_COLUMNS, "write_events")


class _Encoder:
    """Makes rows of the records of one batch."""

    def __init__(self, revisions: Mapping[str, int], resources: rows.ResourceEncoder) -> None:
        self.revisions = revisions
        self._resources = resources

    def chunks(self, records: Iterable[Record]) -> Iterator[bytes]:
        """What COPY takes for these records, piece by piece."""
        chunk, size = [copy_buffer.HEADER], 0
        for record in yielding(records):
            row = self._row(record)
            chunk.append(row)
            size += len(row)
            if size >= _CHUNK_BYTES:
                yield b"".join(chunk)
                chunk, size = [], 0
        chunk.append(copy_buffer.TRAILER)
        yield b"".join(chunk)

    def _row(self, record: Record) -> bytes:
        revision = None if record.session_key is None else self.revisions[record.session_key]
        if isinstance(record, SpanRecord):
            return rows.span_to_copy(record, self._resources, revision)
        return rows.event_to_copy(record, revision)


class _Buried(Exception):
    """Sessions and traces of a batch that were deleted."""

    def __init__(self, owners: frozenset[Owner]) -> None:
        super().__init__()
        self.owners = owners


class Writer:
    """Writes over ``connection``, and remembers what it wrote.

    New rows are copied straight into their table, which is the fast way, and fails where one of them is there
    already. Rows that are there already go through a staging table. Which is which is guessed: a span that this
    writer stored while it was open comes again, any other is new. Where that was wrong, the batch takes the second
    way, and so do the next ones, twice as many after each wrong guess, so that a stream of duplicates costs little.
    """

    def __init__(self, connection: OverlappingConnection) -> None:
        self.connection = connection
        self._resources: set[bytes] = set()
        self._open_spans: set[tuple[str, str]] = set()
        self._detour = 0  # batches that will not try the fast way
        self._next_detour = 1
        connection.make_staging(statement("write_staging"))

    def write(self, batch: MergedBatch) -> None:
        """Join ``batch`` in and mark its sessions dirty, in one transaction.

        Rows are encoded on their way to the server. For a record that cannot become one, one of
        ``rows.UNREPRESENTABLE`` is raised, and nothing is stored. What belongs to a session or a trace that was deleted
        on purpose (``deletion.py``) is let go.
        """
        while True:
            try:
                self._write(batch)
                return
            except _Buried as found:
                batch = batch.without(found.owners)

    def _write(self, batch: MergedBatch) -> None:
        resources = rows.ResourceEncoder()
        with self.connection.transaction():
            if self.connection.pooled:
                self.connection.make_staging(statement("write_staging"))
            self._touch_traces(batch)
            encoder = _Encoder(self._touch(batch.session_keys), resources)
            self._look_for_buried(batch)
            fresh = [span for span in batch.spans if span.key not in self._open_spans]
            known = [span for span in batch.spans if span.key in self._open_spans]
            direct = self._detour == 0 and self._copy_new(encoder, fresh, batch.events)
            strays = self._join(_SPANS, encoder, known if direct else batch.spans)
            if not direct:
                strays |= self._join(_EVENTS, encoder, batch.events)
            if strays:
                self._touch(sorted(strays))
                self.connection.execute(statement("write_strays"), {"keys": sorted(strays)})
                self.connection.execute(statement("forget_projection"), {"keys": sorted(strays)})
            self._add_resources(resources.encoded)
        self._remember(batch, resources.encoded, direct)

    def set_aside(self, record: bytes, reason: str) -> None:
        """Keep a record that was refused for good, as it would stand in the spool."""
        self.connection.execute(
            "INSERT INTO atlas_otel.poison (record, reason) VALUES (%s, %s)", [record, reason.replace("\x00", "")]
        )

    def _touch_traces(self, batch: MergedBatch) -> None:
        """Lock the rows of the batch's traces; those where a session may have to be found are to be looked at again."""
        traces = batch.traces
        watched = {"ids": list(traces), "watched": list(traces.values())}
        self.connection.execute(statement("write_traces"), watched)
        if rewards := batch.late_rewards:
            columns = {
                "traces": [span.trace_id for span, _ in rewards],
                "spans": [span.span_id for span, _ in rewards],
                "target_traces": [trace_id for _, (trace_id, _) in rewards],
                "target_spans": [span_id for _, (_, span_id) in rewards],
            }
            self.connection.execute(statement("write_late_rewards"), columns)

    def _touch(self, keys: Sequence[str]) -> dict[str, int]:
        """Lock the rows of these sessions, which come sorted, and give each its next revision."""
        if not keys:
            return {}
        return dict(self.connection.execute(statement("write_sessions"), {"keys": list(keys)}).fetchall())

    def _look_for_buried(self, batch: MergedBatch) -> None:
        """Raise :class:`_Buried`, which undoes the transaction, where something of the batch was deleted on purpose."""
        owners = batch.owners
        if not owners:
            return
        asked = {"kinds": [kind for kind, _ in owners], "ids": [name for _, name in owners]}
        if found := self.connection.execute(statement("write_buried"), asked).fetchall():
            raise _Buried(frozenset((kind, name) for kind, name in found))

    def _add_resources(self, resources: Mapping[bytes, bytes]) -> None:
        new = {key: value for key, value in resources.items() if key not in self._resources}
        if new:
            hashes = sorted(new)  # two writers lock them in one order
            texts = [new[key].decode() for key in hashes]
            self.connection.execute(statement("write_resources"), {"hashes": hashes, "attributes": texts})

    def _copy_new(self, encoder: _Encoder, spans: Sequence[SpanRecord], events: Sequence[EventRecord]) -> bool:
        """Copy rows that should be new into their tables; False, and nothing done, where one was not."""
        try:
            with self.connection.transaction():  # a savepoint
                self._copy(_SPANS.copy_direct, encoder, spans)
                self._copy(_EVENTS.copy_direct, encoder, events)
        except psycopg.errors.UniqueViolation:
            return False
        return True

    def _join(self, table: _Table, encoder: _Encoder, records: Sequence[Record]) -> set[str]:
        """Join rows in that may be there already; other sessions than the batch's own that this changed."""
        if not records:
            return set()
        self._copy(table.copy_staged, encoder, records)
        if self.connection.execute(statement(table.insert)).rowcount == len(records):
            return set()
        changed = self.connection.execute(statement(table.join), {"keys": list(encoder.revisions)})
        return {key for (key,) in changed}

    def _copy(self, command: bytes, encoder: _Encoder, records: Sequence[Record]) -> None:
        if not records:
            return
        with self.connection.cursor() as cursor, cursor.copy(command) as copy:
            for chunk in encoder.chunks(records):
                copy.write(chunk)

    def _remember(self, batch: MergedBatch, resources: Iterable[bytes], direct: bool) -> None:
        # Only after the commit: what was rolled back is not there.
        self._resources.update(resources)
        if len(self._open_spans) > _MAX_OPEN_SPANS:
            self._open_spans.clear()
        for span in batch.spans:
            if span.ended:
                self._open_spans.discard(span.key)
            else:
                self._open_spans.add(span.key)
        if direct:
            self._next_detour = max(1, self._next_detour // 2)
        elif self._detour:
            self._detour -= 1
        else:
            self._detour = self._next_detour
            self._next_detour = min(2 * self._next_detour, _MAX_DETOUR)
