"""What reviewers score, and how many of them a session needs: ``runtime_safety.review.rubric`` of a config file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from atlas_otel.models.config_llm import Section


class CriterionConfig(Section):
    """One criterion, and its scale."""

    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    per: Literal["session", "step"] = "session"
    """Whether it is scored once a session, or once a step."""
    min: float = Field(default=1, allow_inf_nan=False)
    max: float = Field(default=5, allow_inf_nan=False)
    step: float = Field(default=1, gt=0, allow_inf_nan=False)
    """How far the points of the scale are apart."""
    labels: list[str] = Field(default_factory=list)
    """The names of the points, from ``min`` up; none, or one for each."""

    @model_validator(mode="after")
    def _scale(self) -> Self:
        if self.max <= self.min:
            raise ValueError(f"max has to be more than min ({self.min:g})")
        points = round((self.max - self.min) / self.step) + 1
        if points > 101:
            raise ValueError(f"a scale has at most 101 points, not {points}")
        if self.labels and len(self.labels) != points:
            raise ValueError(f"labels name each of the {points} points, or none")
        return self

    def holds(self, score: float) -> bool:
        """Whether ``score`` is a point of the scale."""
        steps = (score - self.min) / self.step
        return self.min <= score <= self.max and abs(steps - round(steps)) < 1e-6


def _usual() -> list[CriterionConfig]:
    return [CriterionConfig(name="quality", description="How good the answer is for the task.")]


class RubricConfig(Section):
    """The criteria for reviewers, and how many verdicts a session needs before it counts as reviewed."""

    verdicts: int = Field(default=1, ge=1, le=9)
    reserve_minutes: int = Field(default=15, ge=1, le=240)
    """For how long a session that somebody looks at is nobody else's."""
    criteria: list[CriterionConfig] = Field(default_factory=_usual, max_length=20)

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [one.name for one in self.criteria]
        if len(set(names)) < len(names) or "verdict" in names:
            raise ValueError("the names of criteria have to differ, and none is 'verdict'")
        return self
