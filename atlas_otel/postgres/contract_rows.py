"""The contract's rows in the binary COPY format, columns as ``rows_writer`` lists them. Pure."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

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


def row_to_json(row: SessionRow | StepResultRow | StepAttemptRow | GuidanceRow, **ids: int) -> bytes:
    """A row as a JSON object, for the statements that compare it with the stored one."""
    return orjson.dumps({**ids, **{name: getattr(row, name) for name in row.__dataclass_fields__}})


def plan_to_json(session_id: int, plan: JsonObject) -> bytes:
    """The same of a row of ``plans``."""
    return orjson.dumps({"session_id": session_id, "plan": plan})


class KnownEvent(NamedTuple):
    """A row of ``trajectory``: which event a row of ``trajectory_events`` holds."""

    session_id: int
    time_ns: int
    key: str
    content_hash: bytes
    event_id: int

    def to_copy(self) -> bytes:
        """The row for COPY."""
        key = self.key.encode()
        head = _KNOWN_HEAD(5, 8, self.session_id, 8, self.time_ns, len(key))
        return b"".join((head, key, _KNOWN_TAIL(16, self.content_hash, 8, self.event_id)))


def event_to_copy(event_id: int, session_id: int, event: TrajectoryEventRow) -> tuple[bytes, KnownEvent]:
    """A row of ``trajectory_events``; and the one of ``trajectory`` that says what it holds."""
    body = event.event.encode()
    stored = (_EVENT_HEAD(4, 8, event_id, 8, session_id), jsonb(body), timestamptz_of_ns(event.time_ns))
    return b"".join(stored), KnownEvent(session_id, event.time_ns, event.key, hash_of(body), event_id)


def changed_event(event_id: int, session_id: int, event: TrajectoryEventRow) -> tuple[bytes, KnownEvent]:
    """What a row of ``trajectory_events`` is to hold from now on, as a JSON object; and the same of ``trajectory``."""
    body = event.event.encode()
    shown = b'{"id":%d,"time_us":%d,"event":%b}' % (event_id, event.time_ns // 1000, body)
    return shown, KnownEvent(session_id, event.time_ns, event.key, hash_of(body), event_id)


# Most of what a session is: fields that are never NULL and of fixed length are packed by one call.
_EVENT_HEAD: Final = Struct(">h iq iq").pack
_KNOWN_HEAD: Final = Struct(">h iq iq i").pack
_KNOWN_TAIL: Final = Struct(">i16s iq").pack


def json_text(value: object) -> bytes | None:
    """The text that a ``jsonb`` column is given for ``value``; None is NULL."""
    return None if value is None else orjson.dumps(value)


def _json(value: object) -> bytes:
    return jsonb(json_text(value))
