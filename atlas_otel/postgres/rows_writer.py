"""Writes the contract's rows of sessions, only what differs from the stored ones.

The rows of a session that had none are copied straight into the tables. Others are compared by the server: they go
through staging tables of the same columns, each ``<table>_in``.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from atlas_otel.postgres import contract_rows, copy_buffer
from atlas_otel.postgres.statements import statement
from atlas_otel.postgres.trajectory import (
    EventRowRef,
    TrajectoryChange,
    difference,
    difference_since,
)
from atlas_otel.process.yielding import yielding

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    import psycopg

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.postgres.overlap import OverlappingConnection

RowT = TypeVar("RowT")

_COLUMNS: Final[Mapping[str, str]] = {
    "sessions": "id, task, status, metadata, created_at, completed_at, final_answer, reward, reward_stats, "
    "reward_audit, student_learning, teacher_learning, review_status, review_notes",
    "plans": "session_id, plan",
    "step_results": "session_id, step_id, trace, output, evaluation, attempts, metadata",
    "step_attempts": "session_id, step_id, attempt, evaluation",
    "guidance_notes": "session_id, step_id, sequence, note",
}
"""Tables that others refer to first."""
_CLEAR: Final = "; ".join(f"DELETE FROM {table}_in" for table in _COLUMNS).encode()  # noqa: S608  (constants)
_EVENTS: Final = "public.trajectory_events (id, session_id, event, created_at)"
_EVENTS_A_STATEMENT: Final = 10_000
_KNOWN: Final = "session_id, time_ns, key, content_hash, event_id"
_Surplus = tuple[str, int, int, int]  # relation, sessions.id, step, attempt or sequence


class Written(NamedTuple):
    """Rows of a session as this process wrote them; nobody else has projected it since."""

    rows: SessionRows
    """Its events are in the order of time."""
    event_ids: Sequence[int]


class RowsToWrite(NamedTuple):
    """A session whose rows are to be written."""

    id: int
    is_new: bool
    rows: SessionRows
    """Its events are in the order of time."""
    before: Written | None


class RowChange(NamedTuple):
    """What has to be written so that the rows of a session say what its projection says."""

    id: int
    is_new: bool
    lines: Mapping[str, Sequence[bytes]]
    """By table, rows that may differ from the stored ones, as COPY takes them."""
    surplus: Sequence[_Surplus]
    events: TrajectoryChange

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        lines = sum(len(line) for held in self.lines.values() for line in held)
        events = sum(len(event.event) for event in self.events.appended)
        return lines + events + sum(len(event.event) for _, event in self.events.changed)


class Outcome(NamedTuple):
    """What writing came to."""

    changed: set[int]
    """Ids of the sessions of which any row changed."""
    event_ids: dict[int, Sequence[int]]
    """By session: the ids of its events' rows, in order."""


def prepare(connection: OverlappingConnection) -> None:
    """Make the staging tables that :func:`write_rows` needs: once per connection, or per transaction where a pooler
    stands in between."""
    connection.make_staging(statement("project_staging"))


def next_ids(connection: psycopg.Connection, table: str, count: int) -> list[int]:
    """``count`` ids for rows of ``table``, rising.

    They are taken before the rows are copied in, so that the order of rows and the order of ids agree.
    """
    if not count:
        return []
    rows = connection.execute(statement("project_ids"), [table, count])
    return sorted(value for (value,) in rows)


def write_rows(
    connection: psycopg.Connection, targets: Sequence[RowsToWrite], known: Sequence[RowChange] = ()
) -> Outcome:
    """Write the rows of these sessions, inside the transaction of the caller.

    ``known``: what is to be written of others, computed before by :func:`change_of`.
    """
    unknown = [target.id for target in targets if target.before is None and not target.is_new]
    stored = _stored_events(connection, unknown)
    changes = [change_of(target, stored.get(target.id, ())) for target in targets]
    changes += known
    changed, surplus = _write_lines(connection, changes, unknown)
    _remove(connection, surplus)
    event_ids = _append_events(connection, changes)
    _alter_events(connection, changes)
    changed.update(session_id for _, session_id, _, _ in surplus)
    changed.update(change.id for change in changes if change.is_new or change.events)
    held = {target.id: _ids_after(target, stored.get(target.id, ()), event_ids[target.id]) for target in targets}
    return Outcome(changed, held)


def change_of(target: RowsToWrite, stored: Sequence[EventRowRef] = ()) -> RowChange:
    """What writing these rows comes to. ``stored``: the rows of its events, where nothing is known from before."""
    session_id, rows = target.id, target.rows
    before = target.before.rows if target.before is not None else None
    lines: dict[str, list[bytes]] = {}
    if before is None or before.session != rows.session:
        lines["sessions"] = [contract_rows.session_to_copy(session_id, rows.session)]
    if before is None or before.plan != rows.plan:
        lines["plans"] = [contract_rows.plan_to_copy(session_id, rows.plan)]
    steps = _differing(before.steps if before else (), rows.steps, attrgetter("step_id"))
    lines["step_results"] = [contract_rows.step_to_copy(session_id, step) for step in steps]
    attempts = _differing(before.attempts if before else (), rows.attempts, attrgetter("step_id", "attempt"))
    lines["step_attempts"] = [contract_rows.attempt_to_copy(session_id, attempt) for attempt in attempts]
    notes = _differing(before.guidance if before else (), rows.guidance, attrgetter("step_id", "sequence"))
    lines["guidance_notes"] = [contract_rows.guidance_to_copy(session_id, note) for note in notes]
    surplus = list(_surplus(session_id, before, rows)) if before is not None else []
    return RowChange(session_id, target.is_new, lines, surplus, _trajectory(target, stored))


def _write_lines(
    connection: psycopg.Connection, changes: Sequence[RowChange], unknown: Sequence[int]
) -> tuple[set[int], list[_Surplus]]:
    """Write the rows of all tables but the events'; the sessions that changed, and what is to be removed."""
    surplus = [one for change in changes for one in change.surplus]
    changed: set[int] = set()
    staged = False
    with connection.cursor() as cursor:
        for table, columns in _COLUMNS.items():
            new = [line for change in changes if change.is_new for line in change.lines.get(table, ())]
            other = [line for change in changes if not change.is_new for line in change.lines.get(table, ())]
            _copy(cursor, f"public.{table} ({columns})", new)
            _copy(cursor, f"{table}_in ({columns})", other)
            staged = staged or bool(other)
        if staged:
            changed.update(session_id for (session_id,) in cursor.execute(statement("project_write")))
    if unknown:
        surplus += connection.execute(statement("project_surplus"), {"ids": unknown}).fetchall()
    if staged:
        connection.execute(_CLEAR)
    return changed, surplus


def _differing(before: Sequence[RowT], after: Sequence[RowT], number: Callable[[RowT], Hashable]) -> Iterable[RowT]:
    known = {number(row): row for row in before}
    return (row for row in after if known.get(number(row)) != row)


def _surplus(session_id: int, before: SessionRows, after: SessionRows) -> Iterable[_Surplus]:
    steps = {row.step_id for row in after.steps}
    attempts = {(row.step_id, row.attempt) for row in after.attempts}
    notes = {(row.step_id, row.sequence) for row in after.guidance}
    yield from (("step_results", session_id, s.step_id, 0) for s in before.steps if s.step_id not in steps)
    yield from (
        ("step_attempts", session_id, a.step_id, a.attempt)
        for a in before.attempts
        if (a.step_id, a.attempt) not in attempts
    )
    yield from (
        ("guidance_notes", session_id, n.step_id, n.sequence)
        for n in before.guidance
        if (n.step_id, n.sequence) not in notes
    )


def _remove(connection: psycopg.Connection, surplus: Sequence[_Surplus]) -> None:
    for relation, group in groupby(sorted(surplus), key=lambda row: row[0]):
        columns = [list(column) for column in zip(*group, strict=True)][1:]
        connection.execute(
            "SELECT atlas_otel.remove_rows(%s, %s::bigint[], %s::integer[], %s::integer[])", [relation, *columns]
        )


def _stored_events(connection: psycopg.Connection, session_ids: Sequence[int]) -> dict[int, list[EventRowRef]]:
    stored: dict[int, list[EventRowRef]] = defaultdict(list)
    if session_ids:
        for session_id, *fields in connection.execute(statement("project_trajectory"), {"ids": list(session_ids)}):
            stored[session_id].append(EventRowRef(*fields))
    return stored


def _trajectory(target: RowsToWrite, stored: Sequence[EventRowRef]) -> TrajectoryChange:
    if target.before is not None:
        return difference_since(target.before.rows.events, target.before.event_ids, target.rows.events)
    return difference(stored, target.rows.events)


def _append_events(connection: psycopg.Connection, changes: Sequence[RowChange]) -> dict[int, Sequence[int]]:
    """Append events and note which they are; by session, the ids of their rows."""
    count = sum(len(change.events.appended) for change in changes)
    ids = iter(next_ids(connection, "public.trajectory_events", count))
    appended: dict[int, Sequence[int]] = {
        change.id: list(islice(ids, len(change.events.appended))) for change in changes
    }
    if not count:
        return appended
    known: list[bytes] = []
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {_EVENTS} FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.write(copy_buffer.HEADER)
            for change in changes:
                new, lines = zip(appended[change.id], change.events.appended, strict=True), []
                for one, event in yielding(new):
                    line, about = contract_rows.event_to_copy(one, change.id, event)
                    lines.append(line)
                    known.append(about)
                copy.write(b"".join(lines))
            copy.write(copy_buffer.TRAILER)
        if all(change.is_new for change in changes if change.events.appended):
            _copy(cursor, f"atlas_otel.trajectory ({_KNOWN})", known)
        else:
            _know(cursor, known)
    return appended


def _alter_events(connection: psycopg.Connection, changes: Sequence[RowChange]) -> None:
    with connection.cursor() as cursor:
        for session_id, change in ((one.id, one.events) for one in changes):
            # A late event moves all that come after it: of a long session too many for one statement's time.
            for at in range(0, len(change.changed), _EVENTS_A_STATEMENT):
                block = change.changed[at : at + _EVENTS_A_STATEMENT]
                altered = [contract_rows.changed_event_to_copy(one, event) for one, event in block]
                _copy(cursor, "trajectory_changed_in", altered)
                cursor.execute(statement("project_trajectory_change"))
                cursor.execute("DELETE FROM trajectory_changed_in")
                _know(cursor, [contract_rows.known_event_to_copy(one, session_id, event) for one, event in block])
            if change.removed or change.forgotten:
                _forget(connection, session_id, change)


def _know(cursor: psycopg.Cursor, lines: Sequence[bytes]) -> None:
    for at in range(0, len(lines), _EVENTS_A_STATEMENT):
        _copy(cursor, f"trajectory_in ({_KNOWN})", lines[at : at + _EVENTS_A_STATEMENT])
        cursor.execute(statement("project_trajectory_know"))
        cursor.execute("DELETE FROM trajectory_in")


def _forget(connection: psycopg.Connection, session_id: int, change: TrajectoryChange) -> None:
    connection.execute(
        "SELECT atlas_otel.remove_events(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[])",
        [
            list(change.removed),
            [session_id] * len(change.forgotten),
            [event.time_ns for event in change.forgotten],
            [event.key for event in change.forgotten],
        ],
    )


def _ids_after(target: RowsToWrite, stored: Sequence[EventRowRef], appended: Sequence[int]) -> Sequence[int]:
    held = target.before.event_ids if target.before is not None else [event.event_id for event in stored]
    return [*held[: len(target.rows.events)], *appended]


def _copy(cursor: psycopg.Cursor, table: str, lines: Sequence[bytes]) -> None:
    if lines:
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.write(b"".join((copy_buffer.HEADER, *lines, copy_buffer.TRAILER)))
