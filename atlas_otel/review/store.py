"""Review events in the database, and what they come to in the contract's columns."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from atlas_otel.errors import AtlasOtelError, UsageError
from atlas_otel.postgres.statements import statement
from atlas_otel.review.event import VERDICTS, Act, ReviewEvent, TrainingMarks
from atlas_otel.review.rule import review

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

    from atlas_otel.review.event import Via
    from atlas_otel.review.rule import Review

NOBODY: Final = "unknown"
"""Whoever changed a review column past these events: another program, or somebody's SQL."""


class Seen(NamedTuple):
    """What a reviewer saw of a session: the revision of its content, and its last event (0: none)."""

    revision: int
    last_event: int


class StaleReview(AtlasOtelError):
    """A session is not what the reviewer saw. ``now`` is what it is, ``events`` what was said meanwhile."""

    def __init__(self, session: int, seen: Seen, now: Seen, events: Sequence[ReviewEvent]) -> None:
        super().__init__(f"session {session} has changed since: look at it again")
        self.session = session
        self.seen = seen
        self.now = now
        self.events = events


class Reviewed(NamedTuple):
    """A session's events, and what they come to, for its content of ``revision``."""

    session_id: int
    revision: int
    events: Sequence[ReviewEvent]
    review: Review


class _Locked(NamedTuple):
    id: int
    status: str
    notes: str | None
    revision: int


def keeps_events(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database has a place for them: one that only the Atlas SDK wrote has none."""
    row = connection.execute("SELECT to_regclass('atlas_otel.review_events') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])


def read_events(connection: psycopg.Connection[Any], ids: Iterable[int]) -> dict[int, list[ReviewEvent]]:
    """By session, its events in order; a session without any is not among them."""
    return _events(connection, "events", ids)


def training_marks(connection: psycopg.Connection[Any], ids: Iterable[int]) -> dict[int, TrainingMarks]:
    """By session, what exports have to know; a session of which nothing was said is not among them."""
    found = {}
    for session_id, events in _events(connection, "training_events", ids).items():
        said = review(events, 0)
        corrections = {one.span_id: one.text for one in said.corrections if one.span_id and one.text}
        excluded = frozenset(one.span_id for one in said.excluded if one.span_id)
        if corrections or excluded:
            found[session_id] = TrainingMarks(corrections, excluded)
    return found


def record(
    connection: psycopg.Connection[Any],
    ids: Sequence[int],
    acts: Sequence[Act],
    *,
    reviewer: str,
    via: Via,
    needed: int = 1,
    seen: Mapping[int, Seen] | None = None,
) -> dict[int, Reviewed]:
    """Append ``acts`` to each of these sessions, and settle what they come to. In the transaction of the caller.

    ``seen``: what the reviewer saw of each; None: whatever it is now. ``needed``: how many verdicts the rubric wants.
    Raises StaleReview where a session is not what was seen, UsageError for an act that cannot be, or a session that is
    not there.
    """
    for act in acts:
        _check(act)
    rows = connection.execute("SELECT * FROM atlas_otel.review_lock(%s::bigint[])", [sorted(ids)])
    locked = {row[0]: _Locked(*row) for row in rows}
    if missing := [str(one) for one in ids if one not in locked]:
        raise UsageError(f"there is no session {', '.join(missing)}")
    events = read_events(connection, locked)
    settled = {row[0]: row[1:] for row in connection.execute(statement("settled", __package__), {"ids": list(locked)})}
    new: list[dict[str, object]] = []
    for one in locked.values():
        said = events.get(one.id, [])
        if seen is not None:
            _require_seen(one, said, seen[one.id])
        _check_undoing(acts, said, one.id)
        status, notes = settled.get(one.id, ("pending", None))
        found = _found(one, status, notes)
        new += [_row(act, one, NOBODY, "database", 1) for act in found]
        new += [_row(act, one, reviewer, via, needed) for act in acts]
    with connection.cursor(row_factory=class_row(ReviewEvent)) as cursor:
        for event in cursor.execute(statement("append", __package__), {"events": Jsonb(new)}):
            events.setdefault(event.session_id, []).append(event)
    done = {one.id: _reviewed(one, events[one.id], needed) for one in locked.values()}
    settle(connection, done.values())
    return done


def settle(connection: psycopg.Connection[Any], reviewed: Iterable[Reviewed]) -> None:
    """Write what the events of these sessions come to. Their rows have to be locked."""
    states = [
        {
            "session_id": one.session_id,
            "revision": one.revision,
            "last_event": one.review.last_event,
            "status": one.review.status,
            "notes": one.review.notes,
            "verdicts": len(one.review.verdicts),
            "needed": one.review.needed,
            "tie": one.review.tie,
            "changed": one.review.changed,
            "assigned_to": one.review.assigned_to,
            "tags": list(one.review.tags),
            "reviewers": sorted({event.reviewer for event in one.review.verdicts}),
        }
        for one in reviewed
    ]
    connection.execute("SELECT atlas_otel.review_settle(%s::jsonb)", [Jsonb(states)])


def _events(connection: psycopg.Connection[Any], name: str, ids: Iterable[int]) -> dict[int, list[ReviewEvent]]:
    found: dict[int, list[ReviewEvent]] = defaultdict(list)
    with connection.cursor(row_factory=class_row(ReviewEvent)) as cursor:
        for event in cursor.execute(statement(name, __package__), {"ids": list(ids)}):
            found[event.session_id].append(event)
    return dict(found)


def _reviewed(one: _Locked, events: Sequence[ReviewEvent], needed: int) -> Reviewed:
    return Reviewed(one.id, one.revision, events, review(events, one.revision, needed=needed))


def _require_seen(one: _Locked, events: Sequence[ReviewEvent], seen: Seen) -> None:
    now = Seen(one.revision, events[-1].id if events else 0)
    if now != seen:
        raise StaleReview(one.id, seen, now, [event for event in events if event.id > seen.last_event])


def _found(one: _Locked, status: str, notes: str | None) -> list[Act]:
    """What somebody wrote into the review columns past the events."""
    found = []
    stands = one.status.lower()
    if stands != status and stands in VERDICTS:
        found.append(Act("verdict", verdict=stands, final=True))
    if one.notes is not None and one.notes != notes:
        found.append(Act("note", text=one.notes))
    return found


def _check(act: Act) -> None:
    for text in (act.text, act.criterion, act.span_id):
        if text is not None and ("\x00" in text or any("\ud800" <= one <= "\udfff" for one in text)):
            raise UsageError("a text holds a character that no database keeps (U+0000, or half a surrogate pair)")
    if act.kind == "verdict" and act.verdict not in VERDICTS:
        raise UsageError(f"a verdict is one of {', '.join(VERDICTS)}, not {act.verdict!r}")


def _check_undoing(acts: Sequence[Act], events: Sequence[ReviewEvent], session_id: int) -> None:
    known = {event.id for event in events}
    for act in acts:
        if act.kind == "undo" and act.undoes not in known:
            raise UsageError(f"session {session_id} has no review event {act.undoes}")


def _row(act: Act, one: _Locked, reviewer: str, via: Via, needed: int) -> dict[str, object]:
    return {
        "session_id": one.id,
        "reviewer": reviewer,
        "via": via,
        "revision": one.revision,
        "needed": needed,
        **act._asdict(),
    }
