"""Writes the contract's rows of sessions, only what differs from the stored ones.

The rows of a session that had none are copied straight into the tables. Others are compared by the server, which is
given them as JSON.
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
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    import psycopg

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.postgres.contract_rows import KnownEvent

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
_EVENTS: Final = "public.trajectory_events (id, session_id, event, created_at)"
_EVENTS_A_STATEMENT: Final = 10_000
_BYTES_A_STATEMENT: Final = 2 * 1024 * 1024
"""It is held twice while it is sent, in the agent's process too."""
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
    """By table, rows that may differ from the stored ones: for COPY where the session is new, else as JSON."""
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
    steps = list(_differing(before.steps if before else (), rows.steps, attrgetter("step_id")))
    attempts = list(_differing(before.attempts if before else (), rows.attempts, attrgetter("step_id", "attempt")))
    notes = list(_differing(before.guidance if before else (), rows.guidance, attrgetter("step_id", "sequence")))
    session = [rows.session] if before is None or before.session != rows.session else []
    plans = [rows.plan] if before is None or before.plan != rows.plan else []
    lines: dict[str, list[bytes]]
    if target.is_new:
        lines = {
            "sessions": [contract_rows.session_to_copy(session_id, one) for one in session],
            "plans": [contract_rows.plan_to_copy(session_id, one) for one in plans],
            "step_results": [contract_rows.step_to_copy(session_id, one) for one in steps],
            "step_attempts": [contract_rows.attempt_to_copy(session_id, one) for one in attempts],
            "guidance_notes": [contract_rows.guidance_to_copy(session_id, one) for one in notes],
        }
    else:
        lines = {
            "sessions": [contract_rows.row_to_json(one, id=session_id) for one in session],
            "plans": [contract_rows.plan_to_json(session_id, one) for one in plans],
            "step_results": [contract_rows.row_to_json(one, session_id=session_id) for one in steps],
            "step_attempts": [contract_rows.row_to_json(one, session_id=session_id) for one in attempts],
            "guidance_notes": [contract_rows.row_to_json(one, session_id=session_id) for one in notes],
        }
    surplus = list(_surplus(session_id, before, rows)) if before is not None else []
    return RowChange(session_id, target.is_new, lines, surplus, _trajectory(target, stored))


def _write_lines(
    connection: psycopg.Connection, changes: Sequence[RowChange], unknown: Sequence[int]
) -> tuple[set[int], list[_Surplus]]:
    """Write the rows of all tables but the events'; the sessions that changed, and what is to be removed."""
    surplus = [one for change in changes for one in change.surplus]
    known: dict[str, list[bytes]] = {}
    with connection.cursor() as cursor:
        for table, columns in _COLUMNS.items():
            new = [line for change in changes if change.is_new for line in change.lines[table]]
            known[table] = [line for change in changes if not change.is_new for line in change.lines[table]]
            _copy(cursor, f"public.{table} ({columns})", new)
    if not any(known.values()):
        return set(), surplus
    given = {table: _json_list(lines) for table, lines in known.items()}
    changed = {session_id for (session_id,) in connection.execute(statement("project_write"), given)}
    if unknown:
        surplus += connection.execute(statement("project_surplus"), {**given, "ids": list(unknown)}).fetchall()
    return changed, surplus


def _json_list(lines: Sequence[bytes]) -> str:
    return (b"[" + b",".join(lines) + b"]").decode()


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
    known: list[KnownEvent] = []
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
            _copy(cursor, f"atlas_otel.trajectory ({_KNOWN})", [one.to_copy() for one in known])
        else:
            _know(cursor, known)
    return appended


def _alter_events(connection: psycopg.Connection, changes: Sequence[RowChange]) -> None:
    with connection.cursor() as cursor:
        for session_id, change in ((one.id, one.events) for one in changes):
            # A late event moves all that come after it: of a long session too many for one statement's time.
            made = (contract_rows.changed_event(one, session_id, event) for one, event in change.changed)
            for block in _blocks(made):
                given = {"events": _json_list([shown for shown, _ in block])}
                cursor.execute(statement("project_trajectory_change"), given)
                _know(cursor, [about for _, about in block])
            if change.removed or change.forgotten:
                _forget(connection, session_id, change)


def _blocks(made: Iterable[tuple[bytes, KnownEvent]]) -> Iterator[list[tuple[bytes, KnownEvent]]]:
    """As many as go into one statement."""
    block: list[tuple[bytes, KnownEvent]] = []
    size = 0
    for one in yielding(made):
        block.append(one)
        size += len(one[0])
        if len(block) >= _EVENTS_A_STATEMENT or size >= _BYTES_A_STATEMENT:
            yield block
            block, size = [], 0
    if block:
        yield block


def _know(cursor: psycopg.Cursor, known: Sequence[KnownEvent]) -> None:
    for at in range(0, len(known), _EVENTS_A_STATEMENT):
        columns = [list(column) for column in zip(*known[at : at + _EVENTS_A_STATEMENT], strict=True)]
        names = ("sessions", "times", "keys", "hashes", "events")
        cursor.execute(statement("project_trajectory_know"), dict(zip(names, columns, strict=True)))


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
