"""The teacher: reviews a plan before it is carried out, and each attempt after it. A run goes on where it fails."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel, Field

from atlas_otel.models.adapter import Plan, Step  # noqa: TC001 - pydantic reads them
from atlas_otel.runtime import coerce, ordering
from atlas_otel.runtime.advisor import Advisor, Question, unanswered, within

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject


class PlanReview(BaseModel):
    """What the teacher answers to a plan."""

    steps: list[Step] = Field(description="The plan to carry out.")
    concerns: str = Field(default="", description="What was wrong with the agent's plan; empty where nothing was.")


class StepReview(BaseModel):
    """What the teacher answers to an attempt."""

    valid: bool = Field(description="Whether the output does what the step asks.")
    reason: str = Field(default="", description="What the decision rests on.")
    guidance: str | None = Field(default=None, description="What to do differently; None where the attempt is valid.")


class ReviewedPlan(NamedTuple):
    """The plan to carry out, and what the teacher said."""

    plan: Plan
    concerns: str | None
    error: str | None
    cached: bool = False


class Validation(NamedTuple):
    """How an attempt was judged. ``valid`` None: nobody could say."""

    valid: bool | None
    reason: str | None
    guidance: str | None
    error: str | None
    details: JsonObject
    failure: Exception | None = None
    """What the teacher raised, where that is why nobody could say."""

    def to_json(self) -> JsonObject:
        """The validation as rows hold it: ``valid`` is absent where nobody could say."""
        values: JsonObject = dict(self.details)
        if self.valid is not None:
            values["valid"] = self.valid
        values["guidance"] = self.guidance
        if self.reason:
            values["reason"] = self.reason
        if self.error is not None:
            values["error"] = self.error
            values["skipped"] = "teacher_failed"
        return values


_REVIEWS_KEPT: Final = 1000
_reviews: dict[str, tuple[float, ReviewedPlan]] = {}
"""Reviewed plans of this process, by teacher, task and plan: sessions come and go, the same plan comes again."""


@dataclass(slots=True)
class Teacher:
    """A teacher with its prompts and limits."""

    advisor: Advisor
    review_prompt: str
    validation_prompt: str
    timeout_s: float | None
    max_review_tokens: int | None = None
    max_validation_tokens: int | None = None
    plan_cache_s: float = 0.0
    """For how long a review serves again; 0 for functions, which may look at anything."""

    async def review(self, task: str, plan: Plan) -> ReviewedPlan:
        """The plan to carry out. The agent's own where the teacher fails or answers nonsense."""
        asked_of = (self.advisor.name, self.review_prompt, task, plan.model_dump_json())
        key = hashlib.sha256("\0".join(asked_of).encode()).hexdigest()
        held = _reviews.get(key)
        if held is not None and time.monotonic() - held[0] < self.plan_cache_s:
            return held[1]._replace(cached=True)
        facts = {"task": task, "plan": plan.model_dump()}
        asked = Question("teacher", "plan_review", self.review_prompt, facts, PlanReview, 0.0, self.max_review_tokens)
        try:
            answer = await within(self.timeout_s, self.advisor.ask(asked))
            reviewed = _reviewed(answer, plan)
        except Exception as error:  # a guest: the agent's plan stands, and the record says why
            return ReviewedPlan(plan, None, unanswered("teacher", error))
        if self.plan_cache_s:
            _reviews[key] = (time.monotonic(), reviewed)
            if len(_reviews) > _REVIEWS_KEPT:
                _reviews.pop(next(iter(_reviews)), None)
        return reviewed

    async def validate(
        self,
        task: str,
        step: Step,
        *,
        output: str,
        trace: str,
        context: Mapping[str, Any],
        guidance: Sequence[str],
        attempt: int,
    ) -> Validation:
        """Whether the attempt holds. ``valid`` is None where the teacher fails or answers nonsense."""
        facts = {
            "task": task,
            "step": step.model_dump(),
            "output": output,
            "trace": trace,
            "context": dict(context),
            "guidance": list(guidance),
            "attempt": attempt,
        }
        asked = Question(
            "teacher", "validation", self.validation_prompt, facts, StepReview, 0.0, self.max_validation_tokens
        )
        try:
            return _validation(await within(self.timeout_s, self.advisor.ask(asked)))
        except Exception as error:  # a guest: the attempt stands unjudged, and the record says why
            return Validation(None, None, None, unanswered("teacher", error), {}, error)


def _reviewed(answer: object, plan: Plan) -> ReviewedPlan:
    values = answer.model_dump() if isinstance(answer, BaseModel) else answer
    if values is None or values is True:  # a function that has nothing to object
        return ReviewedPlan(plan, None, None)
    if not isinstance(values, Mapping):
        raise ValueError(f"expected {{steps, concerns}}, got {type(answer).__name__}")
    concerns = values.get("concerns")
    inner = values.get("plan")
    steps = values.get("steps") or (inner.get("steps") if isinstance(inner, Mapping) else None)
    if not steps:
        return ReviewedPlan(plan, str(concerns) if concerns else None, None)
    made = coerce.plan({"steps": steps, "execution_mode": plan.execution_mode}, "", self_managed=False)
    ordering.dependencies(made)
    return ReviewedPlan(made, str(concerns) if concerns else None, None)


def _validation(answer: object) -> Validation:
    values = answer.model_dump() if isinstance(answer, BaseModel) else answer
    if isinstance(values, bool):
        values = {"valid": values}
    if not isinstance(values, Mapping) or not isinstance(values.get("valid"), bool):
        raise ValueError(f"expected {{valid: true or false, guidance}}, got {type(answer).__name__}")
    reason, guidance = values.get("reason"), values.get("guidance")
    details = {str(key): value for key, value in values.items() if key not in ("valid", "reason", "guidance")}
    return Validation(
        values["valid"],
        str(reason) if reason else None,
        guidance.strip() if isinstance(guidance, str) and guidance.strip() else None,
        None,
        details,
    )
