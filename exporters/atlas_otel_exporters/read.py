"""Reads sessions out of the contract's tables, a few at a time, from one snapshot of the database.

What is held at once is bounded by bytes, not by a count of sessions: :data:`CHUNK_BYTES` of stored rows, or one
session where that is larger; and one session's events, which are most of what there is to read.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing, contextmanager
from functools import cached_property
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, cast

from psycopg import capabilities, sql
from psycopg.adapt import Loader

from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.reader import read_records
from atlas_otel.postgres.statements import composable, statement
from atlas_otel.review.event import NO_MARKS
from atlas_otel.review.store import keeps_events, training_marks
from atlas_otel_exporters.naming import keys_of, known_sessions, row_ids
from atlas_otel_exporters.source import DEFAULT_BATCH_SIZE, Considered, Stretch
from atlas_otel_exporters.stored import StoredAttempt, StoredEvent, StoredSession, StoredStep

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from typing import Any

    from atlas_otel.postgres.overlap import OverlappingConnection
    from atlas_otel.records.record import RecordSet
    from atlas_otel_exporters.selection import Selection

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""How much is read at once, counted as stored: several times that in memory where the server had compressed it."""


class _JsonText(Loader):
    """A JSON column as the server's text: parsed by who needs to, or by nobody."""

    def load(self, data: bytes | bytearray | memoryview) -> bytes:
        return bytes(data)


_NO_EVENTS: Final[tuple[None, Sequence[StoredEvent]]] = (None, ())
# How many rows come to Python at once; libpq before 17 gives them one by one.
_ROWS: Final = 32 if capabilities.has_stream_chunked() else 1


def _event_row(cursor: object) -> Callable[[Sequence[Any]], StoredEvent]:
    return StoredEvent._make


class SessionReader:
    """One connection that reads; use :func:`open_reader`."""

    def __init__(self, connection: OverlappingConnection) -> None:
        self._connection = connection
        connection.adapters.register_loader("jsonb", _JsonText)
        connection.adapters.register_loader("json", _JsonText)

    @cached_property
    def _reviewed(self) -> bool:
        return keeps_events(self._connection)

    @contextmanager
    def snapshot(self, shared: str | None = None) -> Iterator[None]:
        """Everything read within sees the database as it is now, whatever others write meanwhile; or as another
        reader's :meth:`share` sees it, while that lasts."""
        with self._connection.snapshot():
            if shared is not None:
                self._connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(shared)))
            yield

    def share(self) -> str:
        """The name by which others' :meth:`snapshot` sees what this one sees."""
        row = self._connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        return str(row[0])

    def consider(self, selection: Selection) -> Considered:
        """Count what the filters take; ``limit`` and ``offset`` are not among them."""
        query = sql.SQL("{}{}").format(composable("considered", __package__), composable("count", __package__))
        rows = self._connection.execute(query, self._filters(selection)).fetchall()
        counts: dict[str | None, int] = dict(rows)
        return Considered(counts.pop(None, 0), cast("dict[str, int]", counts))

    def sessions(
        self, selection: Selection, *, batch_size: int = DEFAULT_BATCH_SIZE, event_limit: int | None = None
    ) -> Generator[StoredSession, None, None]:
        """The sessions that are asked for, in order of ``sessions.id``, each with all that belongs to it.

        ``event_limit`` keeps only that many of a session's events, the newest. To be closed; who closes it before its
        end has ended the snapshot too.
        """
        with closing(self.pages(selection, batch_size)) as pages:
            for page in pages:
                yield from self._page(page, event_limit)

    def sessions_alone(
        self, selection: Selection, *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Generator[StoredSession, None, None]:
        """The same sessions, of each only its own row; while one is in hand, other things can be asked."""
        with closing(self.pages(selection, batch_size)) as pages:
            for page in pages:
                yield from self.without_events(page)

    def pages(self, selection: Selection, batch_size: int) -> Generator[list[int], None, None]:
        """The numbers of the sessions that are asked for, in order, so many at a time. To be closed."""
        direction = sql.SQL("DESC" if selection.newest_first else "ASC")
        query = sql.SQL("{}{}").format(
            composable("considered", __package__), composable("pick", __package__).format(direction=direction)
        )
        bounds = {"limit": selection.limit, "offset": selection.offset}
        with self._connection.cursor(name="atlas_otel_sessions") as cursor:
            cursor.execute(query, {**self._filters(selection), **bounds})
            while page := [cast("int", row[0]) for row in cursor.fetchmany(batch_size)]:
                yield page

    def stretches(
        self, selection: Selection, *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Generator[Stretch, None, None]:
        """The numbers of the sessions that are asked for, in order, those of one conversation together.

        To be closed; the sessions of one stretch have to be read before the next one is asked for.
        """
        direction = sql.SQL("DESC" if selection.newest_first else "ASC")
        query = sql.SQL("{}{}").format(
            composable("considered", __package__), composable("stretches", __package__).format(direction=direction)
        )
        bounds = {"limit": selection.limit, "offset": selection.offset}
        with self._connection.cursor(name="atlas_otel_stretches") as cursor:
            cursor.execute(query, {**self._filters(selection), **bounds})
            rows = chain.from_iterable(iter(lambda: cursor.fetchmany(batch_size), []))
            for conversation, group in groupby(rows, itemgetter(1)):
                if conversation is not None:
                    yield Stretch([number for number, _ in group], joined=True)
                    continue
                while some := [number for number, _ in islice(group, batch_size)]:
                    yield Stretch(some, joined=False)

    def sessions_numbered(
        self, ids: Sequence[int], batch_size: int = DEFAULT_BATCH_SIZE, event_limit: int | None = None
    ) -> Generator[StoredSession, None, None]:
        """The sessions with these ``sessions.id``, which are in order; all of them have to be there."""
        for start in range(0, len(ids), batch_size):
            yield from self._page(ids[start : start + batch_size], event_limit)

    def picked(self, selection: Selection) -> dict[int, str]:
        """The numbers of the sessions that are asked for, in order, each with a text that changes when its rows do."""
        direction = sql.SQL("DESC" if selection.newest_first else "ASC")
        query = sql.SQL("{}{}").format(
            composable("considered", __package__), composable("pick", __package__).format(direction=direction)
        )
        bounds = {"limit": selection.limit, "offset": selection.offset}
        rows = self._connection.execute(query, {**self._filters(selection), **bounds}).fetchall()
        marks = self.fingerprints(selection)
        return {number: marks.get(number, "") for (number,) in sorted(rows)}

    def without_events(self, ids: Sequence[int], batch_size: int = DEFAULT_BATCH_SIZE) -> Iterator[StoredSession]:
        """The sessions with these numbers, of each only its own row."""
        for start in range(0, len(ids), batch_size):
            page = ids[start : start + batch_size]
            keys = keys_of(self._connection, page)
            for number, *columns in self._rows("sessions", page):
                yield StoredSession._make((number, keys.get(number), *columns, [], [], 0, NO_MARKS))

    def records(self, key: str) -> RecordSet:
        """The records of the session with this key; an empty set where they are gone."""
        return read_records(self._connection, key)

    def known(self, names: Sequence[str]) -> dict[str, int]:
        """``sessions.id`` of those of these keys and numbers that there are."""
        return known_sessions(self._connection, names)

    def fingerprints(self, selection: Selection) -> dict[int, str]:
        """For each complete session that the filters take, a text that changes when any of its rows does."""
        query = sql.SQL("{}{}").format(composable("considered", __package__), composable("fingerprints", __package__))
        return dict(self._connection.execute(query, self._filters(selection)).fetchall())

    def _page(self, page: Sequence[int], event_limit: int | None) -> Generator[StoredSession, None, None]:
        sizes: dict[int, int] = dict(self._rows("sizes", page))
        chunk: list[int] = []
        held = 0
        for session_id in page:
            size = sizes[session_id]
            if chunk and held + size > CHUNK_BYTES:
                yield from self._chunk(chunk, event_limit)
                chunk, held = [], 0
            chunk.append(session_id)
            held += size
        yield from self._chunk(chunk, event_limit)

    def _chunk(self, ids: Sequence[int], event_limit: int | None) -> Generator[StoredSession, None, None]:
        keys = keys_of(self._connection, ids)
        marks = training_marks(self._connection, ids) if self._reviewed else {}
        steps = self._steps(ids)
        sessions = {row[0]: row[1:] for row in self._rows("sessions", ids)}
        totals: dict[int, int] = dict(self._rows("event_counts", ids)) if event_limit is not None else {}
        with closing(self._events(ids, event_limit)) as rows:
            by_session = groupby(rows, itemgetter(0))
            following, events = next(by_session, _NO_EVENTS)
            for session_id in ids:
                held: list[StoredEvent] = []
                if session_id == following:
                    held = list(events)
                    following, events = next(by_session, _NO_EVENTS)
                columns = sessions.pop(session_id)
                total, said = totals.get(session_id, len(held)), marks.get(session_id, NO_MARKS)
                parts = (steps.pop(session_id, []), held, total, said)
                yield StoredSession._make((session_id, keys.get(session_id), *columns, *parts))

    def _steps(self, ids: Sequence[int]) -> dict[int, list[StoredStep]]:
        history: dict[tuple[int, int], list[StoredAttempt]] = defaultdict(list)
        for session_id, step_id, attempt, evaluation in self._rows("attempts", ids):
            history[session_id, step_id].append(StoredAttempt(attempt, evaluation))
        guidance: dict[tuple[int, int], list[str]] = defaultdict(list)
        for session_id, step_id, note in self._rows("guidance", ids):
            guidance[session_id, step_id].append(note)
        steps: dict[int, list[StoredStep]] = defaultdict(list)
        for session_id, step_id, *columns in self._rows("steps", ids):
            key = (session_id, step_id)
            lists = (history.get(key, ()), guidance.get(key, ()))
            steps[session_id].append(StoredStep._make((step_id, *columns, *lists)))
        return steps

    def _events(self, ids: Sequence[int], event_limit: int | None) -> Generator[StoredEvent, None, None]:
        """The events of these sessions, in this order of them: those of one while the server gets the next one's ready.

        Until it is closed, nothing else can be asked.
        """
        query = composable("events", __package__).format(
            newest=sql.SQL("") if event_limit is None else composable("newest", __package__),
            direction=sql.SQL("DESC" if ids[0] > ids[-1] else "ASC"),
        )
        with self._connection.cursor(row_factory=_event_row) as cursor:
            # Binary: most of what an export reads is the text of events, which then comes as it is.
            parameters = {"ids": list(ids), "event_limit": event_limit}
            rows = cursor.stream(query, parameters, binary=True, size=_ROWS)
            with closing(cast("Generator[StoredEvent, None, None]", rows)):
                yield from rows

    def _rows(self, name: str, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement(name, __package__), {"ids": list(ids)}).fetchall()

    def _filters(self, selection: Selection) -> dict[str, object]:
        return {
            "ids": row_ids(self._connection, selection.session_ids) if selection.session_ids else None,
            "statuses": sorted({status.lower() for status in selection.statuses}) or None,
            "review_statuses": None if selection.review_statuses is None else sorted(selection.review_statuses),
            "since": selection.since,
            "until": selection.until,
            "min_reward": selection.min_reward,
            "learning_key": selection.learning_key,
        }


@contextmanager
def open_reader(database_url: str) -> Iterator[SessionReader]:
    """A reader of the database named so (``atlas_otel.postgres.dsn`` has the forms).

    Raises ConfigError where it is no such name, RetryableStoreError where the server cannot be reached or goes away,
    SchemaError where the contract's tables are not there.
    """
    # A person waits and can break off: no statement of an export is too long.
    with (
        connect(database_url, statement_timeout_ms=0) as connection,
        translating(database_url),
        quiet(),
    ):
        yield SessionReader(connection)
