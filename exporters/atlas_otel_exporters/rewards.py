"""A stored reward → the shape that every reader of a line expects (contract §3). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.models.evaluation import finite, score_of
from atlas_otel.records.exact_json import load_object

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.stored import StoredSession


def step_score(evaluation: JsonObject, metadata: JsonObject) -> float | None:
    """The score of a step, from its row's two JSON columns; None where nobody gave one."""
    return None if metadata.get("reward_missing") else score_of(evaluation.get("reward"))


def session_score(session: StoredSession) -> float | None:
    """The session's score, from its two JSON columns; None where nobody gave one."""
    scores = (score_of(load_object(column)) for column in (session.reward, session.reward_stats))
    return next((score for score in scores if score is not None), None)


def reward_line(reward: JsonObject) -> JsonObject:
    """The reward as a line has it. A score that nobody gave reads as 0.0: ``metadata.reward_missing`` tells."""
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
