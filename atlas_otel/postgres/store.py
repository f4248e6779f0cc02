"""The store of records and contract rows in Postgres."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from atlas_otel.errors import AtlasOtelError, RecordError, RetryableStoreError, UnavailableStoreError
from atlas_otel.postgres import batch, migrate, reader, resolver
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.dsn import describe, scrub
from atlas_otel.postgres.failures import is_data_error, translating
from atlas_otel.postgres.projector import Projector
from atlas_otel.postgres.rows import UNREPRESENTABLE
from atlas_otel.postgres.statements import statement
from atlas_otel.postgres.writer import Writer
from atlas_otel.process.yielding import yielding
from atlas_otel.records.record import encode_record
from atlas_otel.records.store import DEFAULT_PATIENCE, PoisonedRecord, Projected, WriteResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.postgres.following import Fold
    from atlas_otel.postgres.overlap import OverlappingConnection
    from atlas_otel.records.record import Record, RecordSet
    from atlas_otel.records.store import Patience, Wanted


_of_other_processes: list[object] = []  # kept: what is collected is closed, or warns that it was not


class PostgresStore:
    """A :class:`atlas_otel.records.store.Store` in a Postgres database.

    Connects when first used, and again after a failure; makes the schema where ``migrate_schema`` says so and nobody
    uses the database yet, or it is embedded (``migrate.ensure``). ``url`` takes every form of a database URL; an
    embedded server that died is started again. ``patience``: how long a session must be quiet before it is over.
    """

    def __init__(
        self,
        url: str,
        *,
        migrate_schema: bool = True,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._url = url
        self._patience = patience
        self._migrate_schema = migrate_schema
        self._open: OverlappingConnection | None = None
        self._writer: Writer | None = None
        self._projector: Projector | None = None
        self._pid = os.getpid()

    def _new_fold(self) -> Fold:
        """What computes the rows of one session, as its records come."""
        from atlas_otel.projection.project import SessionFold

        return SessionFold(yielding)

    def open(self) -> None:
        """Connect, and see to the schema, unless that is done. Raises UnavailableStoreError, which says why."""
        try:
            with self._connection():
                pass
        except AtlasOtelError as error:
            raise UnavailableStoreError(str(error), retryable=isinstance(error, RetryableStoreError)) from error
        except Exception as error:  # a driver or a system call; nothing of a record can stand in its words
            said = f"{describe(self._url)} cannot be opened: {type(error).__name__}: {scrub(str(error), self._url)}"
            raise UnavailableStoreError(said) from error

    def check(self) -> None:
        """Write a record that nothing is wrong with, and roll it back. Raises UnavailableStoreError where that fails,
        RetryableStoreError where the server went away."""
        with self._connection() as connection:
            self._check(connection)

    def write(self, records: Sequence[Record], *, keep_refused: bool = True) -> WriteResult:
        """Join ``records`` in and mark their sessions dirty, in one transaction.

        Where the server refuses the data of a record, the batch is halved until that record stands alone; it is
        kept in ``atlas_otel.poison``, and every other record is stored. Where it refuses data that nothing is wrong
        with (:meth:`check`), none is: the connection or the database is at fault.

        ``keep_refused``: False where the caller keeps what is refused.
        """
        merged, poisoned = batch.merged(records)
        with self._connection() as connection:
            writer = self._writing(connection)
            poisoned += self._write(writer, merged)
            for item in poisoned if keep_refused else ():
                _set_aside(writer, item)
        return WriteResult(len(records) - len(poisoned), tuple(poisoned))

    def project(self, *, limit: int = 100) -> int:
        """Bring the contract rows of up to ``limit`` sessions up to date, which changed or have become quiet; how many
        were."""
        with self._connection() as connection:
            resolver.resolve_traces(connection)
            return self._projecting(connection, None).project(limit)

    def project_wanted(self, wanted: Wanted, *, limit: int = 100) -> Projected:
        """The same for the sessions that are wanted alone; which of them are still behind their records."""
        with self._connection() as connection:
            keys, unresolved = set(wanted.keys), 0
            if wanted.traces:
                traces = {"ids": list(wanted.traces)}
                resolver.resolve_traces(connection, traces["ids"])
                row = connection.execute(statement("project_traces"), traces).fetchone()
                assert row is not None
                keys.update(row[0])
                unresolved = row[1]
            projector = self._projecting(connection, wanted.max_weight)
            done = projector.project(limit, sorted(keys)) if keys else 0
            pending = connection.execute(statement("project_pending"), {"keys": sorted(keys)}).fetchall()
            behind = [key for key, dirty, _ in pending if dirty]
            large = [key for key in behind if key in projector.large]
            return Projected(
                done,
                pending=[key for key, _, _ in pending],
                busy=len(behind) - len(large) + unresolved,
                large=large,
                failed={key: error for key, _, error in pending if error is not None},
            )

    def settle(self, traces: Iterable[str]) -> None:
        """The sessions of these traces are over as they are: whoever brought them has no more of them."""
        with self._connection() as connection:
            while resolver.resolve_traces(connection):
                pass
            connection.execute(statement("settle_traces"), {"ids": list(traces)})

    def mark_dirty(self, sessions: Sequence[str] | None = None) -> int:
        """Have these sessions (None: all) computed again from their records when next projected; how many."""
        with self._connection() as connection:
            keys = None if sessions is None else list(sessions)
            connection.execute(statement("resolve_again"), {"keys": keys})
            row = connection.execute(statement("mark_dirty"), {"keys": keys}).fetchone()
            return int(row[0]) if row else 0

    def records(self, session: str) -> RecordSet:
        """All records of the session with this key; empty where there are none."""
        with self._connection() as connection, connection.transaction():
            return reader.read_records(connection, session)

    def rows(self, session: str) -> SessionRows | None:
        """The contract rows of the session with this key, as stored now."""
        with self._connection() as connection, connection.transaction():
            return reader.read_rows(connection, session)

    def close(self) -> None:
        """Let go of the connection. Idempotent; the next call connects again."""
        if self._open is not None:
            if self._pid == os.getpid():
                self._open.close()
            else:  # forked: the connection is the parent's, and to close it would end the parent's session
                _of_other_processes.append(self._open)
        self._open = self._writer = self._projector = None
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _projecting(self, connection: OverlappingConnection, max_weight: int | None) -> Projector:
        if self._projector is None or self._projector.max_weight != max_weight:
            self._projector = Projector(connection, self._new_fold, self._patience, max_weight)
        return self._projector

    def _writing(self, connection: OverlappingConnection) -> Writer:
        if self._writer is None:
            self._writer = Writer(connection)
        return self._writer

    def _check(self, connection: OverlappingConnection) -> None:
        try:
            with connection.transaction(force_rollback=True):
                Writer(connection).write(batch.plain())
        except psycopg.Error as error:
            if not is_data_error(error):
                raise
            reason = f"{type(error).__name__} ({error.sqlstate})"
            raise UnavailableStoreError(f"{describe(self._url)} refuses every record: {reason}") from None

    def _write(self, writer: Writer, records: batch.MergedBatch) -> list[PoisonedRecord]:
        """Write a batch; where its data is refused, each half of it by itself. The records that were refused."""
        size = len(records.spans) + len(records.events)
        if not size:
            return []
        try:
            writer.write(records)
        except UNREPRESENTABLE:
            fit, refused = batch.sifted(records)
            if not refused:  # it was not a record's fault
                raise
            return refused + self._write(writer, fit)
        except psycopg.Error as error:
            if not is_data_error(error):
                raise
            if size == 1:
                self._check(writer.connection)
                return [PoisonedRecord(records.records[0], str(error))]
        else:
            return []
        first, second = batch.halves(records)
        return self._write(writer, first) + self._write(writer, second)

    @contextmanager
    def _connection(self) -> Iterator[OverlappingConnection]:
        try:
            with quiet(), translating(self._url):
                if self._pid != os.getpid():
                    self.close()
                if self._open is None:
                    self._open = self._connect()
                yield self._open
        except BaseException:
            # Whatever state it is in, and whoever interrupted: the next call starts from a fresh one.
            self.close()
            raise

    def _connect(self) -> OverlappingConnection:
        connection = connect(self._url)
        try:
            if self._migrate_schema:
                migrate.ensure(connection, self._url)
            else:
                migrate.require_current(connection, self._url)
        except BaseException:
            connection.close()
            raise
        return connection


def _set_aside(writer: Writer, item: PoisonedRecord) -> None:
    """Keep a refused record. Where that fails too, the result of the write still names it."""
    try:
        encoded = encode_record(item.record)
    except RecordError:
        encoded = repr(item.record).encode(errors="replace")
    # The other records are stored: a failure here must not have the batch offered again.
    with suppress(psycopg.Error):
        writer.set_aside(encoded, item.reason)
