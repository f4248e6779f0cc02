"""The rows of the contract's tables (contract §2), typed: what a projection makes and a store keeps.

``None`` in an optional column is SQL NULL. Times are aware datetimes in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from atlas_otel.models.json_types import JsonObject

SessionStatus: TypeAlias = Literal["running", "succeeded", "failed"]
ReviewStatus: TypeAlias = Literal["pending", "approved", "quarantined"]


class Quiescence(IntEnum):
    """How long nothing has come for a session: what its records may be taken to mean."""

    ACTIVE = 0
    """More may come at any moment."""
    QUIET = 1
    """For a moment: what was sent beside its root has come too."""
    EXPIRED = 2
    """For so long that what is missing is taken never to come."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of ``sessions``; ``id`` is the store's to give."""

    task: str
    status: SessionStatus
    metadata: JsonObject
    created_at: datetime
    completed_at: datetime | None = None
    final_answer: str | None = None
    reward: JsonObject | None = None
    reward_stats: JsonObject | None = None
    reward_audit: list[JsonObject] | None = None
    student_learning: str | None = None
    teacher_learning: str | None = None
    review_status: ReviewStatus = "pending"
    """Only the first value written for a session: from then on the column belongs to its reviewers."""
    review_notes: str | None = None


@dataclass(frozen=True, slots=True)
class StepResultRow:
    """A row of ``step_results``."""

    step_id: int
    trace: str
    output: str
    evaluation: JsonObject | None
    attempts: int
    metadata: JsonObject


@dataclass(frozen=True, slots=True)
class StepAttemptRow:
    """A row of ``step_attempts``; ``attempt`` counts from 1."""

    step_id: int
    attempt: int
    evaluation: JsonObject | None


@dataclass(frozen=True, slots=True)
class GuidanceRow:
    """A row of ``guidance_notes``; ``sequence`` counts from 1 within the step."""

    step_id: int
    sequence: int
    note: str


@dataclass(frozen=True, slots=True)
class TrajectoryEventRow:
    """A row of ``trajectory_events``.

    ``event`` is an ``IntermediateStep`` as JSON text. (``time_ns``, ``key``) orders the events of a session, and
    ``key`` is unique among them: the same event has the same key in every projection.
    """

    time_ns: int
    key: str
    event: str


@dataclass(frozen=True, slots=True)
class SessionRows:
    """Everything the contract's tables hold of one session, in the order in which readers want it."""

    session: SessionRow
    plan: JsonObject
    steps: list[StepResultRow] = field(default_factory=list)
    attempts: list[StepAttemptRow] = field(default_factory=list)
    guidance: list[GuidanceRow] = field(default_factory=list)
    events: list[TrajectoryEventRow] = field(default_factory=list)
    awaits: Quiescence = field(default=Quiescence.ACTIVE, compare=False)
    """How quiet it must be before these records mean that the session is over: until then it reads as running."""
