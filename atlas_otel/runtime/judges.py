"""The judges of a whole session: samples of a small model, a larger one where they disagree, or a Python function."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from atlas_otel.models.evaluation import Reward, reward_statistics
from atlas_otel.runtime.advisor import Advisor, FunctionAdvisor, Question, unanswered, within
from atlas_otel.runtime.judging import (
    TEMPERATURES,
    Judgement,
    Sample,
    Verdict,
    from_mapping,
    judged,
    must_arbitrate,
    sample_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.models.json_types import JsonObject


class Evaluation(NamedTuple):
    """A judgement, and every call that led to it."""

    judgement: Judgement
    audit: list[JsonObject]


class Judge(Protocol):
    """Judges a session. Never raises."""

    @property
    def advisors(self) -> tuple[Advisor, ...]:
        """Who is asked."""

    async def evaluate(self, session: Mapping[str, Any]) -> Evaluation:
        """``session``: task, plan, steps, final answer, and what else is known of it."""


@dataclass(frozen=True, slots=True)
class FunctionJudge:
    """A Python function in the judges' place: it gets what they would be asked, by keyword."""

    advisor: FunctionAdvisor
    timeout_s: float

    @property
    def advisors(self) -> tuple[Advisor, ...]:
        """The function."""
        return (self.advisor,)

    async def evaluate(self, session: Mapping[str, Any]) -> Evaluation:
        """The function's reward mapping."""
        asked = Question("reward", "judge", "", session, Verdict)
        entry: JsonObject = {"stage": "python", "model": self.advisor.name}
        try:
            judgement = from_mapping(await within(self.timeout_s, self.advisor.ask(asked)), self.advisor.name)
        except Exception as error:  # a guest: the session is unjudged, and the record says why
            words = unanswered("reward", error)
            entry["error"] = words
            return Evaluation(judged([], escalated=False, errors=[words]), [entry])
        entry["score"] = judgement.score
        return Evaluation(judgement, [entry])


@dataclass(frozen=True, slots=True)
class TieredJudge:
    """A small model asked at three temperatures, and a larger one where the answers differ or are unsure."""

    small: Advisor
    large: Advisor | None
    prompt: str
    arbiter_prompt: str
    variance_threshold: float
    uncertainty_threshold: float
    parallel: int

    @property
    def advisors(self) -> tuple[Advisor, ...]:
        """The small model, and the large one where there is one."""
        return (self.small,) if self.large is None else (self.small, self.large)

    async def evaluate(self, session: Mapping[str, Any]) -> Evaluation:
        """The judgement of the samples, or of the larger model's one."""
        gate = asyncio.Semaphore(self.parallel)

        async def gated(temperature: float) -> tuple[Sample | None, JsonObject]:
            async with gate:
                return await self._sample(self.small, "tier1", self.prompt, session, temperature)

        answers = await asyncio.gather(*(gated(temperature) for temperature in TEMPERATURES))
        samples = [sample for sample, _ in answers if sample is not None]
        audit = [entry for _, entry in answers]
        escalated = False
        if self.large is not None and must_arbitrate(
            samples,
            variance_threshold=self.variance_threshold,
            uncertainty_threshold=self.uncertainty_threshold,
        ):
            facts = {**session, "earlier_samples": [sample.to_json() for sample in samples]}
            arbitrated, entry = await self._sample(self.large, "tier2", self.arbiter_prompt, facts, None)
            audit.append(entry)
            if arbitrated is not None:
                samples, escalated = [arbitrated], True
        errors = [str(entry["error"]) for entry in audit if "error" in entry]
        return Evaluation(judged(samples, escalated=escalated, errors=errors), audit)

    async def _sample(
        self, advisor: Advisor, stage: str, prompt: str, facts: Mapping[str, Any], temperature: float | None
    ) -> tuple[Sample | None, JsonObject]:
        phase = "judge" if stage == "tier1" else "arbiter"
        entry: JsonObject = {"stage": stage, "model": advisor.name, "temperature": temperature}
        try:
            answer = await advisor.ask(Question("reward", phase, prompt, facts, Verdict, temperature))
            verdict = answer if isinstance(answer, Verdict) else Verdict.model_validate(answer)
        except Exception as error:  # a guest: one sample fewer, and the record says why
            entry["error"] = unanswered("reward", error)
            return None, entry
        entry["response"] = verdict.model_dump()
        return sample_of(verdict, temperature), entry


def session_facts(
    *,
    task: str,
    plan: JsonObject,
    steps: Sequence[JsonObject],
    final_answer: str,
    execution_mode: str,
    metadata: Mapping[str, Any],
    focus_prompt: str | None,
) -> dict[str, Any]:
    """What a judge is shown of a session."""
    return {
        "task": task,
        "plan": plan,
        "steps": list(steps),
        "final_answer": final_answer,
        "execution_mode": execution_mode,
        "teacher_intervened": any(step.get("guidance") for step in steps),
        "session_metadata": dict(metadata),
        "focus_prompt": focus_prompt,
    }


class Judged:
    """An evaluation, as it is recorded."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        judgement = evaluation.judgement
        held = Reward(
            time.time_ns(),
            score=judgement.score,
            rationale=judgement.rationale,
            judges=tuple(judgement.judges),
            raw=judgement.raw,
        )
        self.reward: JsonObject = held.to_json()
        stats = reward_statistics(held) or {}
        mean = stats.get("uncertainty_mean")
        self.uncertainty = mean if isinstance(mean, float) else None
