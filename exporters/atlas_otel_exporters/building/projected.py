"""A session's projected rows → what a reader of the database would get of them, byte for byte. Pure.

Postgres adds three things that no record says: the session's number (``sessions.id``), its events' row ids, and what
reviewers decided. They come as :class:`Given`; where there is none, the session was never in a database, and its number
follows from its key.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import RecordError
from atlas_otel.postgres.contract_rows import json_text
from atlas_otel_exporters.building.jsonb_text import jsonb_text, read_json, text_of, write_jsonb
from atlas_otel_exporters.stored import StoredAttempt, StoredEvent, StoredSession, StoredStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlas_otel.models.rows import SessionRows, TrajectoryEventRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST_DERIVED: Final = 2**52
_INTEGERS: Final = range(-(2**31), 2**31)


class Given(NamedTuple):
    """What a database says of a session beside its records.

    ``event_ids``: ids of its rows in ``trajectory_events``, rising, as runs: first, how many, first, how many, …;
    events beyond them go on from the last one. ``review_status``: None leaves the one that the records say.
    """

    number: int
    event_ids: Sequence[int] = ()
    review_status: str | None = None
    review_notes: str | None = None


def derived_number(key: str) -> int:
    """The number of a session that no database numbered: over all that a database gives out, exact as a float.

    >>> 2**52 <= derived_number("a-session") < 2**53
    True
    """
    return _FIRST_DERIVED + (int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") >> 12)


def stored_session(
    key: str, rows: SessionRows, given: Given | None = None, event_limit: int | None = None
) -> StoredSession:
    """The session as ``SessionReader`` gives it. ``event_limit`` keeps only so many of its events, the newest.

    Raises RecordError where the rows hold what Postgres refuses.
    """
    given = given if given is not None else Given(derived_number(key))
    row = rows.session
    kept = rows.events if event_limit is None else rows.events[max(len(rows.events) - event_limit, 0) :]
    reviewed = given.review_status is not None
    return StoredSession(
        id=given.number,
        key=key,
        task=_text(row.task),
        status=row.status,
        review_status=given.review_status if reviewed else row.review_status,
        review_notes=given.review_notes if reviewed else _text(row.review_notes),
        metadata=_column(row.metadata),
        final_answer=_text(row.final_answer),
        reward=_column(row.reward),
        reward_stats=_column(row.reward_stats),
        reward_audit=_column(row.reward_audit),
        student_learning=_text(row.student_learning),
        teacher_learning=_text(row.teacher_learning),
        created_at=row.created_at,
        completed_at=row.completed_at,
        plan=_column(rows.plan),
        steps=_steps(rows),
        events=_events(given, kept, len(rows.events) - len(kept)),
        events_total=len(rows.events),
    )


def _steps(rows: SessionRows) -> list[StoredStep]:
    history: dict[int, list[StoredAttempt]] = defaultdict(list)
    for attempt in sorted(rows.attempts, key=lambda one: (one.step_id, one.attempt)):
        history[attempt.step_id].append(StoredAttempt(_integer(attempt.attempt), _column(attempt.evaluation)))
    guidance: dict[int, list[str]] = defaultdict(list)
    for note in sorted(rows.guidance, key=lambda one: (one.step_id, one.sequence)):
        _text(note.note)
        guidance[note.step_id].append(note.note)
    return [
        StoredStep(
            _integer(step.step_id),
            _text(step.trace),
            _text(step.output),
            _column(step.evaluation),
            _integer(step.attempts),
            _column(step.metadata),
            history.get(step.step_id, ()),
            guidance.get(step.step_id, ()),
        )
        for step in sorted(rows.steps, key=lambda one: one.step_id)
    ]


def _events(given: Given, events: Sequence[TrajectoryEventRow], skipped: int) -> list[StoredEvent]:
    ids = _ids(given.event_ids)
    for _ in range(skipped):
        next(ids)
    return [_event(given.number, event_id, event) for event_id, event in zip(ids, events, strict=False)]


def _ids(runs: Sequence[int]) -> Iterator[int]:
    last = 0
    for first, length in zip(runs[::2], runs[1::2], strict=True):
        yield from range(first, first + length)
        last = first + length - 1
    yield from count(last + 1)


def _event(session_id: int, event_id: int, event: TrajectoryEventRow) -> StoredEvent:
    held = read_json(_encoded(event.event))
    at = _EPOCH + timedelta(microseconds=event.time_ns // 1000)
    return StoredEvent(
        session_id,
        event_id,
        write_jsonb(held),
        at,
        _lifted(held, ("event_type",), ("type",), ("payload", "event_type")),
        _lifted(held, ("name",), ("payload", "name")),
        _lifted(held, ("actor",), ("metadata", "actor"), ("payload", "actor"), ("payload", "metadata", "actor")),
    )


def _lifted(held: object, *paths: tuple[str, ...]) -> str | None:
    """The first of these that is there: as ``events.sql`` looks for them."""
    for path in paths:
        at = held
        for name in path:
            at = at.get(name) if isinstance(at, dict) else None
        if (text := text_of(at)) is not None:  # type: ignore[arg-type]
            return text
    return None


def _column(value: object) -> bytes | None:
    text = json_text(value)
    return None if text is None else jsonb_text(text)


def _text(value: str | None) -> str | None:
    if value is not None:
        if "\x00" in value:
            raise RecordError("a text holds the character NUL, which Postgres refuses")
        _encoded(value)
    return value


def _encoded(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise RecordError("a text holds half of a surrogate pair, which Postgres refuses") from None


def _integer(value: int) -> int:
    if value not in _INTEGERS:
        raise RecordError(f"{value} is out of range for a step or an attempt")
    return value
