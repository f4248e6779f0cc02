"""What the contract's tables hold of one session, as read: whoever wrote it, ours or the Atlas SDK.

JSON columns are the server's text in bytes, so that what is only handed on is never parsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.review.event import NO_MARKS, TrainingMarks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class StoredAttempt(NamedTuple):
    """A row of ``step_attempts``."""

    attempt: int
    evaluation: bytes | None


class StoredStep(NamedTuple):
    """A row of ``step_results``, with its attempts and guidance in order."""

    step_id: int
    trace: str | None
    output: str | None
    evaluation: bytes | None
    attempts: int | None
    metadata: bytes | None
    history: Sequence[StoredAttempt]
    guidance: Sequence[str]


class StoredEvent(NamedTuple):
    """A row of ``trajectory_events``; the last three are lifted from where ``event`` has them."""

    session_id: int
    id: int
    event: bytes
    created_at: datetime
    event_type: str | None
    name: str | None
    actor: str | None


class Size(NamedTuple):
    """How much a session holds: steps, events, and bytes of events."""

    steps: int
    events: int
    bytes: int


class StoredSession(NamedTuple):
    """A row of ``sessions`` with all that belongs to it.

    ``key`` is the session's key where atlas-otel recorded it. ``events`` are oldest first; ``events_total`` is how
    many there are in the table, which is more than ``len(events)`` where a limit was asked for. ``marks`` is what
    reviewers said about single model calls.
    """

    id: int
    key: str | None
    task: str | None
    status: str | None
    review_status: str | None
    review_notes: str | None
    metadata: bytes | None
    final_answer: str | None
    reward: bytes | None
    reward_stats: bytes | None
    reward_audit: bytes | None
    student_learning: str | None
    teacher_learning: str | None
    created_at: datetime | None
    completed_at: datetime | None
    plan: bytes | None
    steps: Sequence[StoredStep]
    events: Sequence[StoredEvent]
    events_total: int

    @property
    def size(self) -> Size:
        """How much of it was read."""
        return Size(len(self.steps), len(self.events), sum(len(event.event) for event in self.events))

    marks: TrainingMarks = NO_MARKS
