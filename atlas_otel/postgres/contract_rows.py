"""The contract's rows in the binary COPY format, columns as ``rows_writer`` lists them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from atlas_otel.postgres.copy_buffer import (
    bigint,
    integer,
    jsonb,
    raw,
    row,
    text,
    timestamptz,
    timestamptz_of_ns,
)
from atlas_otel.postgres.trajectory import content_hash

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
        integer(session_id),
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
    return row(integer(session_id), _json(plan))


def step_to_copy(session_id: int, step: StepResultRow) -> bytes:
    """A row of ``step_results``."""
    return row(
        integer(session_id),
        integer(step.step_id),
        text(step.trace),
        text(step.output),
        _json(step.evaluation),
        integer(step.attempts),
        _json(step.metadata),
    )


def attempt_to_copy(session_id: int, attempt: StepAttemptRow) -> bytes:
    """A row of ``step_attempts``."""
    return row(integer(session_id), integer(attempt.step_id), integer(attempt.attempt), _json(attempt.evaluation))


def guidance_to_copy(session_id: int, note: GuidanceRow) -> bytes:
    """A row of ``guidance_notes``."""
    return row(integer(session_id), integer(note.step_id), integer(note.sequence), text(note.note))


def event_to_copy(event_id: int, session_id: int, event: TrajectoryEventRow) -> bytes:
    """A row of ``trajectory_events``."""
    body = jsonb(event.event.encode())
    return row(integer(event_id), integer(session_id), body, timestamptz_of_ns(event.time_ns))


def changed_event_to_copy(event_id: int, event: TrajectoryEventRow) -> bytes:
    """A row of ``trajectory_changed_in``."""
    return row(integer(event_id), jsonb(event.event.encode()), timestamptz_of_ns(event.time_ns))


def known_event_to_copy(event_id: int, session_id: int, event: TrajectoryEventRow) -> bytes:
    """A row of ``trajectory``."""
    return row(integer(session_id), bigint(event.time_ns), text(event.key), raw(content_hash(event)), integer(event_id))


def _json(value: object) -> bytes:
    return jsonb(None if value is None else orjson.dumps(value))
