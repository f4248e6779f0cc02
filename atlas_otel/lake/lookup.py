"""Sessions that are in a lake, by the names that people give them; read only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.errors import UsageError
from atlas_otel.lake.sessions import Stretch, read_sessions
from atlas_otel.lake.table import open_lake
from atlas_otel.postgres.archiving import ArchiveDesk
from atlas_otel.postgres.sessions import session_ids
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel.records.record import RecordSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.postgres.archiving import Archived


class ArchivedSession(NamedTuple):
    """A session whose records are in a lake. ``id``: the number of its row, which may be gone. ``rows``: as stored, or
    computed from the records where they are not; None where the records are no session."""

    key: str
    id: int | None
    lake: str
    archived_at: datetime
    records: RecordSet
    rows: SessionRows | None


def archived_session(url: str, name: str, *, catalog: str | None = None) -> ArchivedSession | None:
    """The archived session that ``name`` means (its key, the number of its row, the id of a trace), read from its lake;
    None where the database knows of none.

    What came late and waits in the database is part of it. Nothing is changed. Raises UsageError where several are
    meant, StoreError where the lake cannot be read.
    """
    found = find_archived(url, [name])
    if not found:
        return None
    if len(found) > 1:
        raise UsageError(f"{name} may be any of the sessions {', '.join(one.key for one in found)}")
    (one,) = found
    with open_lake(one.lake, catalog, database=url) as lake:
        there = read_sessions(lake, [one.key], Stretch(one.first_ns, one.last_ns)).get(one.key, RecordSet())
    with PostgresStore(url, migrate_schema=False) as store:
        for record in store.records(one.key):
            there.add(record)
        rows = store.rows(one.key)
    return ArchivedSession(
        one.key, one.row_id, one.lake, one.archived_at, there, rows if rows is not None else project(there)
    )


class Recorded(NamedTuple):
    """A session as it was recorded, wherever its records are. ``away``: None where they are in the database."""

    key: str
    id: int | None
    rows: SessionRows | None
    records: RecordSet
    away: ArchivedSession | None


def recorded_session(url: str, name: str) -> Recorded:
    """The session that ``name`` means in any of its forms, its records read from a lake where they are in one.

    Raises UsageError where there is none, or another program wrote it; StoreError where the lake cannot be read.
    """
    away: ArchivedSession | None = None
    try:
        ids = session_ids(url, name)
    except UsageError:
        away = archived_session(url, name)
        if away is None:
            raise
        return Recorded(away.key, away.id, away.rows, away.records, away)
    away = archived_session(url, ids.key)
    if away is not None:
        return Recorded(ids.key, ids.id, away.rows, away.records, away)
    with PostgresStore(url, migrate_schema=False) as store:
        return Recorded(ids.key, ids.id, store.rows(ids.key), store.records(ids.key), None)


def find_archived(url: str, names: Sequence[str]) -> list[Archived]:
    """The archived sessions of these names: keys, numbers of rows (also of rows that are gone), ids of traces."""
    with ArchiveDesk(url) as desk:
        return desk.lookup([name.strip() for name in names])


def archived_keys(url: str, names: Sequence[str]) -> list[str]:
    """Keys of sessions to bring back. A name that the database does not know is taken as a key of a session that was
    written to the lake directly, if it has the form of one; else it raises UsageError."""
    keys: dict[str, None] = {}
    for name in names:
        found = find_archived(url, [name])
        if not found and not (len(name) == 32 and set(name) <= set("0123456789abcdef")):
            raise UsageError(f"no session in a lake is called {name}; by key, number or the id of a trace")
        keys.update(dict.fromkeys([one.key for one in found] or [name]))
    return list(keys)
