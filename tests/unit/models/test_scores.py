"""One rule says whether somebody gave a score: the projection, the export and the tree of a session go by it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from atlas_otel.models.evaluation import score_of
from atlas_otel_exporters.rewards import step_score
from tests.support.pushed_steps import Type, pushed, record
from tests.support.stored_sessions import lines

GIVEN = [
    ({"score": 0.5}, 0.5),
    ({"score": "0.5"}, 0.5),
    ({"score": 0}, 0.0),
    ({"score": 0.0, "raw": {"skipped": False}}, 0.0),
    ({"score": 0.0, "raw": {"skipped": True}}, None),
    ({"score": 0.0, "raw": {"skipped": "validation_failed"}}, None),
    ({"score": 0.0, "skipped": True}, None),
    ({"score": None}, None),
    ({"score": True}, None),
    ({"score": "high"}, None),
    ({"rationale": "good"}, None),
]


@pytest.mark.parametrize(("reward", "score"), GIVEN)
def test_all_who_ask_hear_the_same(reward: dict[str, Any], score: float | None) -> None:
    assert score_of(reward) == score
    assert step_score({"reward": reward}, {}) == score
    given = {"step": {"id": 1, "description": "d"}, "attempt": 1}
    rows = record(
        [
            pushed(Type.WORKFLOW_START, "w", 1.0, "orchestration", input={"task": "t"}),
            pushed(Type.TASK_START, "t", 2.0, "step_1", "w", input=given),
            pushed(Type.TASK_END, "t", 3.0, "step_1", "w", output={"output": "o", "evaluation": {"reward": reward}}),
            pushed(Type.WORKFLOW_END, "w", 4.0, "orchestration", output="o"),
        ]
    ).rows()
    (step,) = rows.steps
    assert step.metadata.get("reward_missing", False) is (score is None)
    (line,) = lines("atlas", rows)
    assert line["steps"][0].get("reward_missing", False) is (score is None)
    assert line["steps"][0]["reward"]["score"] == (score or 0.0)
    kept = (step.evaluation or {})["reward"]
    assert score_of(kept) == score
    assert not isinstance(kept.get("score"), str), "scores are numbers or absent (contract)"


@pytest.mark.parametrize("score", [math.nan, math.inf, "nan", "inf"])
def test_no_finite_number_is_no_score(score: object) -> None:
    assert score_of({"score": score}) is None
