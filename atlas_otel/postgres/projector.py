"""Brings the contract's rows of dirty sessions up to date, writing only what differs."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.postgres import contract_rows, copy_buffer
from atlas_otel.postgres.reader import read_records
from atlas_otel.postgres.sql import statement
from atlas_otel.postgres.trajectory import StoredEvent, TrajectoryChange, difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import psycopg

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.span_record import RecordSet

    Project = Callable[[RecordSet], SessionRows | None]

SESSIONS_PER_TRANSACTION: Final = 50


class Dirty(NamedTuple):
    """A session that has records which its rows do not show yet."""

    key: str
    id: int | None
    revision: int


class _Projected(NamedTuple):
    session: Dirty
    id: int | None
    rows: SessionRows | None
    error: str | None


def prepare(connection: psycopg.Connection) -> None:
    """Make the staging tables that :func:`project_sessions` needs; once per connection."""
    connection.execute(statement("project_staging"))


def pick(connection: psycopg.Connection, limit: int) -> list[Dirty]:
    """Up to ``limit`` dirty sessions, locked against other projectors until the caller's transaction ends."""
    picked = [key for (key,) in connection.execute(statement("project_pick"), {"limit": limit})]
    if not picked:
        return []
    return [Dirty(*row) for row in connection.execute(statement("project_locked"), {"keys": picked})]


def project_sessions(connection: psycopg.Connection, dirty: Sequence[Dirty], project: Project) -> None:
    """Bring the rows of these sessions up to date, inside the transaction of the caller."""
    # The revisions were read before the records: what is written meanwhile leaves its session dirty.
    records = read_records(connection, [session.key for session in dirty])
    projected = _with_ids(connection, [_projected(session, records[session.key], project) for session in dirty])
    changed = _write(connection, [item for item in projected if item.rows is not None])
    _done(connection, projected, changed)


def set_failed(connection: psycopg.Connection, session: Dirty, reason: str) -> None:
    """Note that the rows of this session cannot be written. It is tried again when it gets more records."""
    _done(connection, [_Projected(session, None, None, reason.replace("\x00", ""))], set())


def _projected(session: Dirty, records: RecordSet, project: Project) -> _Projected:
    try:
        return _Projected(session, session.id, project(records), None)
    except Exception as failure:  # noqa: BLE001
        # Records of any program are read here. One session that cannot be computed must not keep the others from
        # it for ever: it keeps its rows and says why, in a column that is counted (doctor).
        return _Projected(session, session.id, None, f"{type(failure).__name__}: {failure}".replace("\x00", ""))


def _done(connection: psycopg.Connection, projected: Sequence[_Projected], changed: set[int]) -> None:
    connection.execute(
        statement("project_done"),
        {
            "keys": [item.session.key for item in projected],
            "ids": [item.id for item in projected],
            "revisions": [item.session.revision for item in projected],
            "changed": [item.id in changed for item in projected],
            "errors": [item.error for item in projected],
        },
    )


def _with_ids(connection: psycopg.Connection, projected: Sequence[_Projected]) -> list[_Projected]:
    missing = sum(item.id is None and item.rows is not None for item in projected)
    fresh = iter(_next_ids(connection, "public.sessions", missing))
    return [item._replace(id=next(fresh)) if item.id is None and item.rows is not None else item for item in projected]


def _write(connection: psycopg.Connection, projected: Sequence[_Projected]) -> set[int]:
    """Write the rows of these sessions; the ids of those that this changed."""
    staged: dict[str, list[bytes]] = defaultdict(list)
    for item in projected:
        assert item.id is not None
        assert item.rows is not None
        rows, session_id = item.rows, item.id
        staged["sessions_in"].append(contract_rows.session_to_copy(session_id, rows.session, rows.plan))
        staged["step_results_in"] += (contract_rows.step_to_copy(session_id, step) for step in rows.steps)
        staged["step_attempts_in"] += (contract_rows.attempt_to_copy(session_id, one) for one in rows.attempts)
        staged["guidance_notes_in"] += (contract_rows.guidance_to_copy(session_id, note) for note in rows.guidance)
    with connection.cursor() as cursor:
        for table, lines in staged.items():
            _copy(cursor, table, lines)
        changed = {session_id for (session_id,) in cursor.execute(statement("project_write"))}
    known = [item.id for item in projected if item.id is not None and item.session.id is not None]
    changed |= _remove_surplus(connection, known)
    return changed | _write_trajectories(connection, projected, known)


def _remove_surplus(connection: psycopg.Connection, session_ids: Sequence[int]) -> set[int]:
    surplus = connection.execute(statement("project_surplus"), {"ids": session_ids}).fetchall() if session_ids else []
    for relation, group in groupby(surplus, key=lambda row: row[0]):
        columns = [list(column) for column in zip(*group, strict=True)][1:]
        connection.execute("SELECT atlas_otel.remove_rows(%s, %s, %s, %s)", [relation, *columns])
    return {row[1] for row in surplus}


def _write_trajectories(
    connection: psycopg.Connection, projected: Sequence[_Projected], known: Sequence[int]
) -> set[int]:
    stored: dict[int, list[StoredEvent]] = defaultdict(list)
    if known:
        for session_id, *fields in connection.execute(statement("project_trajectory"), {"ids": known}):
            stored[session_id].append(StoredEvent(*fields))
    changes: dict[int, TrajectoryChange] = {}
    for item in projected:
        assert item.id is not None
        assert item.rows is not None
        if change := difference(stored[item.id], item.rows.events):
            changes[item.id] = change
    fresh = iter(
        _next_ids(connection, "public.trajectory_events", sum(len(change.appended) for change in changes.values()))
    )
    new, altered, names = [], [], []
    for session_id, change in changes.items():
        for event_id, event in change.changed:
            altered.append(contract_rows.changed_event_to_copy(event_id, event))
            names.append(contract_rows.known_event_to_copy(event_id, session_id, event))
        for event in change.appended:
            event_id = next(fresh)
            new.append(contract_rows.event_to_copy(event_id, session_id, event))
            names.append(contract_rows.known_event_to_copy(event_id, session_id, event))
        if change.removed or change.forgotten:
            _forget(connection, session_id, change)
    with connection.cursor() as cursor:
        _copy(cursor, "public.trajectory_events (id, session_id, event, created_at)", new)
        if altered:
            _copy(cursor, "trajectory_changed_in", altered)
            cursor.execute(statement("project_trajectory_change"))
        if names:
            _copy(cursor, "trajectory_in", names)
            cursor.execute(statement("project_trajectory_know"))
    return set(changes)


def _forget(connection: psycopg.Connection, session_id: int, change: TrajectoryChange) -> None:
    connection.execute(
        "SELECT atlas_otel.remove_events(%s::integer[], %s::integer[], %s::bigint[], %s::text[])",
        [
            list(change.removed),
            [session_id] * len(change.forgotten),
            [event.time_ns for event in change.forgotten],
            [event.key for event in change.forgotten],
        ],
    )


def _copy(cursor: psycopg.Cursor, table: str, lines: Iterable[bytes]) -> None:
    body = b"".join(lines)
    if body:
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.write(copy_buffer.HEADER + body + copy_buffer.TRAILER)


def _next_ids(connection: psycopg.Connection, table: str, count: int) -> list[int]:
    """``count`` ids for rows of ``table``, rising. They are taken before the rows are copied in, so that the order of
    rows and the order of ids agree."""
    if not count:
        return []
    rows = connection.execute(
        "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count]
    )
    return sorted(value for (value,) in rows)
