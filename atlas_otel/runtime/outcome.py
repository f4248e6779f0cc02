"""What a governed run comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas_otel.models.adapter import Plan
    from atlas_otel.models.config import Lane
    from atlas_otel.models.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What one step came to, its last attempt."""

    step_id: int
    trace: str
    output: str
    evaluation: JsonObject
    attempts: int
    metadata: JsonObject = field(default_factory=dict)
    guidance: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """A session that ran to its end."""

    task: str
    final_answer: str
    plan: Plan
    step_results: list[StepOutcome]
    session_id: str
    """The session's key: every command takes it."""
    trace_id: str
    trace_url: str | None
    """Where to look at the trace in Jaeger; None before ``configure``."""
    execution_mode: Lane
    reward: JsonObject | None
    """The session's reward; None where nobody judges."""
    review_status: str
    duration_s: float
