"""The sessions of a database: found by key or number, and those that cannot be computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.errors import UsageError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current
from atlas_otel.postgres.session_names import find_sessions
from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from atlas_otel.postgres.session_names import SessionIds


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
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        return [NotComputed(*row) for row in connection.execute(statement("not_computed"), wanted)]


class RecordedIds(NamedTuple):
    """The names of a session that we recorded; ``id`` is None until its rows are computed."""

    key: str
    id: int | None


def session_ids(url: str, name: str) -> RecordedIds:
    """The session that ``name`` means. Raises UsageError where there is none, or another program wrote it."""
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        require_current(connection, url)
        return _recorded(find_sessions(connection, [name]))[0]


def keys_of(url: str, names: Sequence[str]) -> list[str]:
    """The keys of the sessions with these names, in order; without names, of all that we recorded.

    Raises UsageError for a name that no session has, and for a session that another program wrote.
    """
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        require_current(connection, url)
        if not names:
            return [key for (key,) in connection.execute("SELECT key FROM atlas_otel.sessions ORDER BY id, key")]
        return [ids.key for ids in _recorded(find_sessions(connection, names))]


def _recorded(found: Sequence[SessionIds]) -> list[RecordedIds]:
    for ids in found:
        if ids.key is None:
            raise UsageError(f"session {ids.id} was not recorded by atlas-otel: it has rows, and no records")
    return [RecordedIds(ids.key, ids.id) for ids in found if ids.key is not None]
