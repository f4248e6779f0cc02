"""Reads sessions out of the contract's tables, a few at a time, from one snapshot of the database.

What is held at once is bounded by bytes, not by a count of sessions: :data:`CHUNK_BYTES` of stored rows, or one
session where that is larger.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import psycopg
from psycopg import sql
from psycopg.adapt import Loader

from atlas_otel.errors import PermanentStoreError, RetryableStoreError, SchemaError, UsageError
from atlas_otel.postgres.dsn import describe, resolve_database_url, scrub
from atlas_otel_exporters.stored import StoredAttempt, StoredEvent, StoredSession, StoredStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, LiteralString

    from atlas_otel_exporters.selection import Selection

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""How much is read at once, counted as stored: several times that in memory where the server had compressed it."""
DEFAULT_BATCH_SIZE: Final = 100
CONNECT_TIMEOUT_S: Final = 10


class Considered(NamedTuple):
    """How many sessions the filters take, and how many they leave out, by reason."""

    taken: int
    skipped: Mapping[str, int]


class _JsonText(Loader):
    """A JSON column as the server's text: parsed by who needs to, or by nobody."""

    def load(self, data: bytes | bytearray | memoryview) -> bytes:
        return bytes(data)


class Reader:
    """One connection that reads; use :func:`open_reader`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        connection.adapters.register_loader("jsonb", _JsonText)
        connection.adapters.register_loader("json", _JsonText)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read within sees the database as it is now, whatever others write meanwhile."""
        with self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self._connection.execute("SET LOCAL TIME ZONE 'UTC'")
            yield

    def consider(self, selection: Selection) -> Considered:
        """Count what the filters take; ``limit`` and ``offset`` are not among them."""
        query = sql.SQL("{}{}").format(_sql("considered"), _sql("count"))
        rows = self._connection.execute(query, self._filters(selection)).fetchall()
        counts: dict[str | None, int] = dict(rows)
        return Considered(counts.pop(None, 0), cast("dict[str, int]", counts))

    def sessions(
        self, selection: Selection, *, batch_size: int = DEFAULT_BATCH_SIZE, event_limit: int | None = None
    ) -> Iterator[StoredSession]:
        """The sessions that are asked for, in order of ``sessions.id``, each with all that belongs to it.

        ``event_limit`` keeps only that many of a session's events, the newest.
        """
        direction = sql.SQL("DESC" if selection.newest_first else "ASC")
        query = sql.SQL("{}{}").format(_sql("considered"), _sql("pick").format(direction=direction))
        bounds = {"limit": selection.limit, "offset": selection.offset}
        with self._connection.cursor(name="atlas_otel_sessions") as cursor:
            cursor.execute(query, {**self._filters(selection), **bounds})
            while page := [cast("int", row[0]) for row in cursor.fetchmany(batch_size)]:
                yield from self._page(page, event_limit)

    def _page(self, page: Sequence[int], event_limit: int | None) -> Iterator[StoredSession]:
        sizes = {row[0]: (row[1], row[2]) for row in self._rows("sizes", page)}
        chunk: list[int] = []
        held = 0
        for session_id in page:
            size = sizes[session_id][1]
            if chunk and held + size > CHUNK_BYTES:
                yield from self._chunk(chunk, sizes, event_limit)
                chunk, held = [], 0
            chunk.append(session_id)
            held += size
        yield from self._chunk(chunk, sizes, event_limit)

    def _chunk(
        self, ids: Sequence[int], sizes: Mapping[int, tuple[int, int]], event_limit: int | None
    ) -> Iterator[StoredSession]:
        keys = self._keys(ids)
        steps = self._steps(ids)
        events = self._events(ids, event_limit)
        sessions = {row[0]: row[1:] for row in self._rows("sessions", ids)}
        for session_id in ids:
            columns = sessions.pop(session_id)
            parts = (steps.pop(session_id, []), events.pop(session_id, []), sizes[session_id][0])
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

    def _events(self, ids: Sequence[int], event_limit: int | None) -> dict[int, list[StoredEvent]]:
        newest = sql.SQL("") if event_limit is None else _sql("newest")
        query = _sql("events").format(newest=newest)
        rows = self._connection.execute(query, {"ids": list(ids), "event_limit": event_limit})
        events: dict[int, list[StoredEvent]] = defaultdict(list)
        for session_id, *columns in rows:
            events[session_id].append(StoredEvent._make(columns))
        return events

    def _rows(self, name: LiteralString, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        return self._connection.execute(_sql(name), {"ids": list(ids)}).fetchall()

    def _filters(self, selection: Selection) -> dict[str, object]:
        return {
            "ids": self._row_ids(selection.session_ids) if selection.session_ids else None,
            "statuses": sorted({status.lower() for status in selection.statuses}) or None,
            "review_statuses": None if selection.review_statuses is None else sorted(selection.review_statuses),
            "since": selection.since,
            "until": selection.until,
            "min_reward": selection.min_reward,
            "learning_key": selection.learning_key,
        }

    @functools.cached_property
    def _records_session_keys(self) -> bool:
        # The Atlas SDK's databases have no schema of ours.
        row = self._connection.execute("SELECT to_regclass('atlas_otel.sessions') IS NOT NULL").fetchone()
        return row is not None and bool(row[0])

    def _keys(self, ids: Sequence[int]) -> dict[int, str]:
        if not self._records_session_keys:
            return {}
        return {row[0]: row[1] for row in self._rows("keys", ids)}

    def _row_ids(self, names: Sequence[int | str]) -> list[int]:
        """``sessions.id`` of each name. Raises UsageError that lists the names of no session."""
        numbers = {int(name) for name in names if isinstance(name, int) or (name.isdigit() and len(name) < 10)}
        keys = [name for name in names if isinstance(name, str) and not (name.isdigit() and len(name) < 10)]
        found: dict[str, int] = {str(row[0]): row[0] for row in self._rows("existing", sorted(numbers))}
        if keys and self._records_session_keys:
            rows = self._connection.execute(_sql("ids_of_keys"), {"keys": keys}).fetchall()
            found |= {row[0]: row[1] for row in rows}
        unknown = [str(name) for name in names if str(name) not in found]
        if unknown:
            raise UsageError(f"no session in this database is called {', '.join(unknown)}")
        return sorted(set(found.values()))


@contextmanager
def open_reader(database_url: str) -> Iterator[Reader]:
    """A reader of the database named so (``atlas_otel.postgres.dsn`` has the forms).

    Raises ConfigError where it is no such name, RetryableStoreError where the server cannot be reached or goes away,
    SchemaError where the contract's tables are not there.
    """
    conninfo = resolve_database_url(database_url)
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute("SET client_encoding TO 'UTF8'")
            yield Reader(connection)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName) as error:
        raise SchemaError(
            f"{describe(database_url)} lacks the tables of Atlas, or has older ones "
            f"({scrub(str(error.diag.message_primary), database_url)}): run `atlas-otel db init`"
        ) from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise RetryableStoreError(f"cannot read {describe(database_url)}: {scrub(str(error), database_url)}") from None
    except psycopg.Error as error:
        raise PermanentStoreError(
            f"{describe(database_url)} refused to be read: {scrub(str(error), database_url)}"
        ) from None


@functools.cache
def _sql(name: LiteralString) -> sql.SQL:
    text = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    # psycopg wants text that nobody outside can have written: these files are ours.
    return sql.SQL(cast("LiteralString", text))
