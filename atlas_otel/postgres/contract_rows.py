"""The contract's rows in the binary COPY format, columns as ``rows_writer`` lists them. Pure."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import orjson

from atlas_otel.postgres.copy_buffer import bigint, integer, jsonb, row, text, timestamptz, timestamptz_of_ns
from atlas_otel.postgres.trajectory import hash_of

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.models.rows import (
        GuidanceRow,
        SessionRow,
        StepAttemptRow,
        StepResultRow,
        TrajectoryEventRow,
    )


def session_to_copy(session_id: int, session: SessionRow) -> bytes:
    """A row of ``sessions``."""
    return row(
        bigint(session_id),
        text(session.task),
        text(session.status),
        _json(session.metadata),
        timestamptz(session.created_at),
        timestamptz(session.completed_at),
        text(session.final_answer),
        _json(session.reward),
        _json(session.reward_stats),
        _json(session.reward_audit),
        text(session.student_learning),
        text(session.teacher_learning),
        text(session.review_status),
        text(session.review_notes),
    )


def plan_to_copy(session_id: int, plan: JsonObject) -> bytes:
    """A row of ``plans``."""
    return row(bigint(session_id), _json(plan))


def step_to_copy(session_id: int, step: StepResultRow) -> bytes:
    """A row of ``step_results``."""
    return row(
        bigint(session_id),
        integer(step.step_id),
        text(step.trace),
        text(step.output),
        _json(step.evaluation),
        integer(step.attempts),
        _json(step.metadata),
    )


def attempt_to_copy(session_id: int, attempt: StepAttemptRow) -> bytes:
    """A row of ``step_attempts``."""
    return row(bigint(session_id), integer(attempt.step_id), integer(attempt.attempt), _json(attempt.evaluation))


def guidance_to_copy(session_id: int, note: GuidanceRow) -> bytes:
    """A row of ``guidance_notes``."""
    return row(bigint(session_id), integer(note.step_id), integer(note.sequence), text(note.note))


def event_to_copy(event_id: int, session_id: int, event: TrajectoryEventRow) -> tuple[bytes, bytes]:
    """A row of ``trajectory_events``; and the one of ``trajectory`` that says what it holds."""
    body = event.event.encode()
    stored = (_EVENT_HEAD(4, 8, event_id, 8, session_id), jsonb(body), timestamptz_of_ns(event.time_ns))
    return b"".join(stored), _known(event_id, session_id, event, hash_of(body))


def changed_event_to_copy(event_id: int, event: TrajectoryEventRow) -> bytes:
    """A row of ``trajectory_changed_in``."""
    return row(bigint(event_id), jsonb(event.event.encode()), timestamptz_of_ns(event.time_ns))


def known_event_to_copy(event_id: int, session_id: int, event: TrajectoryEventRow) -> bytes:
    """A row of ``trajectory``."""
    return _known(event_id, session_id, event, hash_of(event.event.encode()))


def _known(event_id: int, session_id: int, event: TrajectoryEventRow, content_hash: bytes) -> bytes:
    key = event.key.encode()
    head = _KNOWN_HEAD(5, 8, session_id, 8, event.time_ns, len(key))
    return b"".join((head, key, _KNOWN_TAIL(16, content_hash, 8, event_id)))


# Most of what a session is: fields that are never NULL and of fixed length are packed by one call.
_EVENT_HEAD: Final = Struct(">h iq iq").pack
_KNOWN_HEAD: Final = Struct(">h iq iq i").pack
_KNOWN_TAIL: Final = Struct(">i16s iq").pack


def json_text(value: object) -> bytes | None:
    """The text that a ``jsonb`` column is given for ``value``; None is NULL."""
    return None if value is None else orjson.dumps(value)


def _json(value: object) -> bytes:
    return jsonb(json_text(value))
