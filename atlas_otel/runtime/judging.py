"""What a judge's samples come to: when a larger model arbitrates, and the reward that is recorded. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, Field

from atlas_otel.models.evaluation import finite

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

TEMPERATURES: Final = (0.2, 0.5, 0.8)
"""A judge is asked once at each."""
JUDGE: Final = "session_reward"
ESCALATED: Final = "tier1_variance_or_uncertainty"


class Principle(BaseModel):
    """One yardstick that the judge used."""

    name: str
    weight: float = Field(ge=0, le=1)
    description: str = ""


class Verdict(BaseModel):
    """What a judge answers."""

    score: float = Field(ge=0, le=1, description="How well the session did, from 0 to 1.")
    uncertainty: float = Field(ge=0, le=1, description="How unsure you are of the score, from 0 to 1.")
    rationale: str = Field(description="What the score rests on, citing the session.")
    principles: list[Principle] = Field(default_factory=list, description="The yardsticks; weights add up to 1.")
    student_learning: str | None = Field(default=None, description="What the agent should do differently, or None.")
    teacher_learning: str | None = Field(default=None, description="What the teacher should do differently, or None.")


@dataclass(frozen=True, slots=True)
class Sample:
    """One verdict, and how it was asked for."""

    score: float
    uncertainty: float | None = None
    rationale: str | None = None
    principles: list[JsonObject] = field(default_factory=list)
    student_learning: str | None = None
    teacher_learning: str | None = None
    temperature: float | None = None

    def to_json(self) -> JsonObject:
        """The sample as a judge's entry holds it (contract §3)."""
        sample: JsonObject = {
            "score": self.score,
            "rationale": self.rationale,
            "principles": list(self.principles),
            "temperature": self.temperature,
        }
        if self.uncertainty is not None:
            sample["uncertainty"] = self.uncertainty
        return sample


def sample_of(verdict: Verdict, temperature: float | None) -> Sample:
    """A model's verdict as a sample."""
    return Sample(
        verdict.score,
        verdict.uncertainty,
        verdict.rationale,
        [principle.model_dump() for principle in verdict.principles],
        verdict.student_learning,
        verdict.teacher_learning,
        temperature,
    )


def must_arbitrate(samples: Sequence[Sample], *, variance_threshold: float, uncertainty_threshold: float) -> bool:
    """Whether the scores differ too much, or one sample is too unsure: strictly above the thresholds."""
    scores = [sample.score for sample in samples]
    if len(scores) >= 2 and _exceeds(pstdev(scores), variance_threshold):
        return True
    return any(
        sample.uncertainty is not None and _exceeds(sample.uncertainty, uncertainty_threshold) for sample in samples
    )


def _exceeds(value: float, threshold: float) -> bool:
    # 0.35 and 0.65 deviate by 0.15000000000000002: rounding is no disagreement.
    return value > threshold and not math.isclose(value, threshold, rel_tol=1e-9)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a session was judged to be."""

    score: float
    judges: list[JsonObject]
    rationale: str | None
    raw: JsonObject
    student_learning: str | None = None
    teacher_learning: str | None = None
    failed: bool = False
    """No judge gave a valid verdict: the score is a placeholder that nobody gave."""


def judged(samples: Sequence[Sample], *, escalated: bool, errors: Sequence[str] = ()) -> Judgement:
    """The judgement that ``samples`` come to: the mean score, with the surest sample's words.

    Without samples: score 0 with uncertainty 1, marked as failed.
    """
    if not samples:
        return _unjudged(errors)
    surest = min(samples, key=lambda sample: 1.0 if sample.uncertainty is None else sample.uncertainty)
    score = fmean(sample.score for sample in samples)
    judge: JsonObject = {
        "identifier": JUDGE,
        "score": score,
        "rationale": surest.rationale,
        "principles": list(surest.principles),
        "samples": [sample.to_json() for sample in samples],
        "escalated": escalated,
        "escalation_reason": ESCALATED if escalated else None,
    }
    raw: JsonObject = {"score": score, "errors": list(errors)} if errors else {"score": score}
    return Judgement(score, [judge], surest.rationale, raw, surest.student_learning, surest.teacher_learning)


def _unjudged(errors: Sequence[str]) -> Judgement:
    words = "No judge gave a valid verdict."
    judge: JsonObject = {
        "identifier": JUDGE,
        "score": 0.0,
        "rationale": words,
        "principles": [],
        "samples": [Sample(0.0, 1.0, words).to_json()],
        "escalated": False,
        "escalation_reason": None,
    }
    return Judgement(0.0, [judge], words, {"score": 0.0, "failed": True, "errors": list(errors)}, failed=True)


def from_mapping(answer: object, identifier: str) -> Judgement:
    """The judgement of a Python judge: a number, or a mapping ``{score, rationale, …}`` (contract §3, "A reward").

    Raises ValueError for anything else: a score is a finite number.
    """
    if not isinstance(answer, Mapping):
        score = finite(answer)
        if score is None:
            raise ValueError(f"expected a reward mapping with a score, got {type(answer).__name__}")
        answer = {"score": score}
    score = finite(answer.get("score"))
    if score is None:
        raise ValueError("expected a finite number as score")
    rationale = answer.get("rationale")
    words = rationale if isinstance(rationale, str) else None
    uncertainty = finite(answer.get("uncertainty"))
    judges = _judges(answer.get("judges"))
    if not judges:
        sample = Sample(score, uncertainty, words, _principles(answer.get("principles")))
        judges = [
            {
                "identifier": identifier,
                "score": score,
                "rationale": words,
                "principles": list(sample.principles),
                "samples": [sample.to_json()],
                "escalated": False,
                "escalation_reason": None,
            }
        ]
    raw: JsonObject = {str(key): value for key, value in answer.items()}
    student, teacher = answer.get("student_learning"), answer.get("teacher_learning")
    return Judgement(
        score,
        judges,
        words,
        raw,
        student if isinstance(student, str) else None,
        teacher if isinstance(teacher, str) else None,
    )


def _judges(value: object) -> list[JsonObject]:
    return [dict(one) for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []


def _principles(value: object) -> list[JsonObject]:
    return _judges(value)


def placeholder(reason: str) -> JsonObject:
    """What stands for a step's reward where nobody gives one: ``deferred`` or ``validation_failed``."""
    raw: JsonValue = {"skipped": reason}
    return {"score": 0.0, "judges": [], "rationale": None, "raw": raw}
