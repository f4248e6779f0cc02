"""A step of the plan, carried out: attempts, each checked where the lane says so, each but the first with guidance."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import atlas_otel as atlas
from atlas_otel.runtime import coerce
from atlas_otel.runtime.judging import placeholder
from atlas_otel.runtime.outcome import StepOutcome
from atlas_otel.runtime.spans import attempt_span, governance_span
from atlas_otel.runtime.teacher import Teacher, Validation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.adapter import Plan, Step, StudentStepResult
    from atlas_otel.models.config import Lane
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.lanes import LaneRules
    from atlas_otel.runtime.student import Student
    from atlas_otel.runtime.telemetry import EventEmitter

_UNEXPLAINED = "The teacher did not accept the result of the attempt before this one."


@dataclasses.dataclass(slots=True)
class Steps:
    """Runs the steps of one session's plan, and keeps what they came to."""

    task: str
    plan: Plan
    lane: Lane
    rules: LaneRules
    student: Student
    teacher: Teacher | None
    emitter: EventEmitter
    capabilities: JsonObject
    max_retries: int
    outcomes: dict[int, StepOutcome] = dataclasses.field(default_factory=dict)
    results: dict[int, StudentStepResult] = dataclasses.field(default_factory=dict)

    async def run(self, step: Step) -> None:
        """Carry ``step`` out. Raises what the agent raises."""
        guidance: list[str] = []
        attempts = 1 + (self.max_retries if self.rules.retries else 0)
        for attempt in range(1, attempts + 1):
            validation = await self._attempt(step, attempt, guidance, last=attempt == attempts)
            if validation is None or validation.valid is not False:
                return
            guidance.append(validation.guidance or validation.reason or _UNEXPLAINED)

    async def _attempt(self, step: Step, attempt: int, guidance: list[str], *, last: bool) -> Validation | None:
        context = self._context(step)
        given = {"step": step.model_dump(), "context": context, "guidance": list(guidance), "attempt": attempt}
        with attempt_span(step, attempt, given) as span:
            self.emitter.phase()
            clock = time.perf_counter()
            result = await self.student.execute(
                self.task,
                self.plan,
                step,
                attempt=attempt,
                context={number: str(entry["output_text"]) for number, entry in context.items()},
                guidance=guidance,
                metadata={
                    "phase": "execute",
                    "capabilities": self.capabilities,
                    "execution_mode": self.lane,
                    "step": step.model_dump(),
                    "context": dict(context),
                    "guidance": list(guidance),
                    "attempt": attempt,
                },
            )
            timings: JsonObject = {"student_ms": _since(clock)}
            validation = None
            if self.rules.validates:
                checked = time.perf_counter()
                validation = await self._validate(step, result, context, guidance, attempt)
                timings["validation_ms"] = _since(checked)
            timings["guidance_ms"] = 0.0  # the guidance comes with the validation
            timings["total_ms"] = _since(clock)
            self._keep(step, result, validation, guidance, timings)
            span.output = self._envelope(step, result, timings)
            if validation is not None and validation.valid is not None:
                atlas.set_validation(validation.to_json())
                if not validation.valid and not last:
                    atlas.add_guidance(validation.guidance or validation.reason or _UNEXPLAINED)
        return validation

    async def _validate(
        self,
        step: Step,
        result: StudentStepResult,
        context: Mapping[str, Any],
        guidance: list[str],
        attempt: int,
    ) -> Validation:
        if self.teacher is None:
            return Validation(None, None, None, None, {"skipped": "no_teacher"})
        output = coerce.output_text(result.output)
        given = {"step": step.id, "attempt": attempt, "output": output}
        with governance_span("step_validation", "teacher", given) as span:
            validation = await self.teacher.validate(
                self.task,
                step,
                output=output,
                trace=result.trace,
                context=context,
                guidance=guidance,
                attempt=attempt,
            )
            span.output = validation.to_json()
            if validation.failure is not None:
                span.fail(validation.failure)
        return validation

    def _keep(
        self,
        step: Step,
        result: StudentStepResult,
        validation: Validation | None,
        guidance: list[str],
        timings: JsonObject,
    ) -> None:
        rejected = validation is not None and validation.valid is False
        evaluation: JsonObject = {"reward": placeholder("validation_failed" if rejected else "deferred")}
        if validation is not None:
            evaluation["validation"] = validation.to_json()
        metadata = dict(result.metadata)
        if (structured := coerce.structured(result.output)) is not None:
            metadata.setdefault("structured_output", structured)
        if result.messages:
            metadata.setdefault("messages", list(result.messages))
        metadata["runtime"] = {"reward_skipped": True, "timings_ms": timings}
        self.results[step.id] = result
        self.outcomes[step.id] = StepOutcome(
            step.id,
            result.trace,
            coerce.output_text(result.output),
            evaluation,
            result.attempts,
            metadata,
            tuple(guidance),
        )

    def _envelope(self, step: Step, result: StudentStepResult, timings: JsonObject) -> JsonObject:
        """The step's output, as ``TASK_END`` carries it (contract §5)."""
        outcome = self.outcomes[step.id]
        metadata = {key: value for key, value in outcome.metadata.items() if key != "runtime"}
        return {
            "trace": outcome.trace,
            "output": outcome.output,
            "evaluation": outcome.evaluation,
            "metadata": metadata,
            "runtime": {"reward_skipped": True, "timings_ms": timings},
            "status": result.status or "completed",
            "artifacts": result.artifacts,
            "deliverable": result.deliverable,
            "context_entry": self._entry(step.id),
        }

    def _context(self, step: Step) -> dict[str, JsonObject]:
        """What the other steps so far came to, by id."""
        return {str(number): self._entry(number) for number in self.results if number != step.id}

    def _entry(self, number: int) -> JsonObject:
        result = self.results[number]
        return {
            "output_text": self.outcomes[number].output,
            "artifacts": result.artifacts,
            "status": result.status or "completed",
            "notes": result.metadata.get("notes"),
        }

    def for_synthesis(self) -> list[JsonObject]:
        """What ``asynthesize`` is given, in the plan's order."""
        found: list[JsonObject] = []
        for step in self.plan.steps:
            result, outcome = self.results[step.id], self.outcomes[step.id]
            found.append(
                {
                    "step_id": step.id,
                    "description": step.description,
                    "trace": outcome.trace,
                    "output": outcome.output,
                    "metadata": dict(outcome.metadata),
                    "status": result.status or "completed",
                    "artifacts": result.artifacts,
                    "deliverable": result.deliverable,
                    "attempts": outcome.attempts,
                    "guidance": list(outcome.guidance),
                    "evaluation": outcome.evaluation,
                }
            )
        return found


def _since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 3)
