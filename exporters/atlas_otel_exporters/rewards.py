"""A stored reward → the shape that every reader of a line expects (contract §3). Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue


def finite(value: JsonValue) -> float | None:
    """``value`` as a number, where it is one or says one; None for anything else, NaN and infinity among it."""
    if not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def is_missing(reward: JsonObject) -> bool:
    """Whether nobody gave this reward: it has no score, or is the Atlas runtime's placeholder for one.

    The runtime writes score 0.0 and ``raw.skipped`` where it left a step unjudged (contract §5, Reward).
    """
    raw = reward.get("raw")
    skipped = isinstance(raw, dict) and bool(raw.get("skipped"))
    return skipped or finite(reward.get("score")) is None


def step_score(evaluation: JsonObject, metadata: JsonObject) -> float | None:
    """The score of a step, from its row's two JSON columns; None where nobody gave one."""
    reward = evaluation.get("reward")
    if not isinstance(reward, dict) or is_missing(reward) or metadata.get("reward_missing"):
        return None
    return finite(reward.get("score"))


def reward_line(reward: JsonObject) -> JsonObject:
    """The reward as a line has it. A score that is absent or no number reads as 0.0: see :func:`is_missing`."""
    judges = reward.get("judges")
    return {
        "score": finite(reward.get("score")) or 0.0,
        "judges": [_judge(judge) for judge in judges if isinstance(judge, dict)] if isinstance(judges, list) else [],
        "rationale": reward.get("rationale"),
        "raw": reward,
    }


def _judge(judge: JsonObject) -> JsonObject:
    samples = judge.get("samples")
    return {
        "identifier": judge.get("identifier") or "",
        "score": finite(judge.get("score")) or 0.0,
        "rationale": judge.get("rationale") or "",
        "principles": judge.get("principles") or [],
        "samples": [_sample(sample) for sample in samples if isinstance(sample, dict)]
        if isinstance(samples, list)
        else [],
        "escalated": bool(judge.get("escalated", False)),
        "escalation_reason": judge.get("escalation_reason"),
    }


def _sample(sample: JsonObject) -> JsonObject:
    return {
        "score": finite(sample.get("score")) or 0.0,
        "rationale": sample.get("rationale") or "",
        "principles": sample.get("principles") or [],
        "uncertainty": finite(sample.get("uncertainty")),
        "temperature": finite(sample.get("temperature")),
    }
