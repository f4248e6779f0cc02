"""The sessions of a database by name: listed, and found by key or number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from atlas_otel.errors import UsageError
from atlas_otel.postgres import reader
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current
from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


class ListedSession(NamedTuple):
    """One line of a list. ``key`` is None for a session that another program wrote; ``id`` for one of ours whose rows
    could not be computed yet (then ``projection_error`` says why, and ``created_at`` is when it was last heard of)."""

    id: int | None
    key: str | None
    task: str
    status: str
    review_status: str
    created_at: datetime
    completed_at: datetime | None
    score: float | None
    steps: int
    tokens: int | None
    projection_error: str | None


class NotComputed(NamedTuple):
    """A session whose rows cannot be computed from its records. ``id``: where it has rows from before."""

    id: int | None
    key: str
    reason: str
    last_activity: datetime

    def __str__(self) -> str:
        return f"session {self.id if self.id is not None else self.key} cannot be computed: {self.reason}"


def not_computed(
    url: str, *, keys: Sequence[str] | None = None, traces: Iterable[str] | None = None
) -> list[NotComputed]:
    """The sessions whose rows cannot be computed, of these keys or traces where they are given."""
    wanted = {"keys": None if keys is None else list(keys), "traces": None if traces is None else list(traces)}
    with translating(url), quiet(), connect(url) as connection:
        return [NotComputed(*row) for row in connection.execute(statement("not_computed"), wanted)]


def list_sessions(url: str, *, status: str | None = None, limit: int = 20, offset: int = 0) -> list[ListedSession]:
    """Up to ``limit`` sessions, newest first."""
    with translating(url), quiet(), connect(url) as connection:
        require_current(connection, url)
        with connection.cursor(row_factory=class_row(ListedSession)) as cursor:
            wanted = {"status": status, "limit": limit, "offset": offset}
            return cursor.execute(statement("list_sessions"), wanted).fetchall()


def keys_of(url: str, names: Sequence[str]) -> list[str]:
    """The keys of the sessions with these keys or numbers, in order; without names, of all that we recorded.

    Raises UsageError for a name that no session has, and for a session that another program wrote.
    """
    with translating(url), quiet(), connect(url) as connection:
        require_current(connection, url)
        if not names:
            return [key for (key,) in connection.execute("SELECT key FROM atlas_otel.sessions ORDER BY id, key")]
        found = []
        for name in names:
            ids = reader.resolve_session(connection, name.strip())
            if ids is None:
                raise UsageError(f"no session in this database is called {name}; see: atlas-otel sessions list")
            if ids.key is None:
                raise UsageError(f"session {name} was not recorded by atlas-otel: it has rows, and no records")
            found.append(ids.key)
        return list(dict.fromkeys(found))
