"""``rl`` and ``kto`` rows: every attempt, each with what it was really asked and what it was worth."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel.models.rows import SessionRows
from atlas_otel.testing import recording
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.training.advantage import EPSILON, GroupStatistics
from atlas_otel_exporters.training.options import CallFilter, RowOptions
from tests.support.stored_sessions import lines, stored

Json = dict[str, Any]
ASKED = [{"role": "user", "content": "2 + 2?"}]
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"b": 2, "a": 2}'}}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "4"}
SESSION = RowOptions(unit="session")


@atlas.llm(model="m")
def complete(messages: list[Json], reply: Json | str) -> Json:
    if isinstance(reply, str):
        reply = {"role": "assistant", "content": reply}
    return reply


def looped(*, step_score: float | None = 0.25, score: float | None = 1.0) -> SessionRows:
    """A failed attempt with one call; one that goes on after a tool; a call outside of any step."""
    with recording() as records, atlas.session("Add"):
        complete([{"role": "user", "content": "Plan."}], "a plan")
        with contextlib.suppress(ValueError), atlas.step("Add", id=1):
            complete(ASKED, "5")
            raise ValueError("wrong")
        with atlas.step("Add", id=1) as step:
            complete(ASKED, CALLING)
            complete([*ASKED, CALLING, RESULT], "4")
            step.output = {"status": "ok"}
        if step_score is not None:
            atlas.record_reward(step_score, step=1, attempt=2)
        if score is not None:
            atlas.record_reward(score)
    return records.rows()


def test_every_attempt_is_a_row_of_what_was_asked_and_written() -> None:
    plan, failed, passed = lines("rl", looped())
    assert (plan["step_id"], plan["reward"], plan["reward_source"]) == (None, 1.0, "session")
    assert (failed["prompt"], failed["completion"]) == (ASKED, [{"role": "assistant", "content": "5"}])
    assert (failed["step_id"], failed["attempt"], failed["reward"], failed["reward_source"]) == (1, 1, 1.0, "session")
    assert passed["prompt"] == ASKED
    calling, result, answer = passed["completion"]
    assert calling["tool_calls"][0]["function"] == {"name": "add", "arguments": {"b": 2, "a": 2}}
    assert (result["role"], result["content"], answer["content"]) == ("tool", "4", "4")
    assert [turn["by"] for turn in passed["turns"]] == ["model", "environment", "model"]
    assert [turn["step_reward"] for turn in passed["turns"]] == [0.25, None, 0.25]
    assert [turn["span_id"] for turn in passed["turns"] if turn["by"] == "model"] == passed["span_ids"]
    assert (passed["attempt"], passed["reward"], passed["reward_source"]) == (2, 0.25, "step")
    assert passed["session_reward"] == 1.0


def test_arguments_as_text_are_what_the_model_wrote() -> None:
    row = lines("rl", looped(), RowOptions(arguments="text"))[-1]
    assert row["completion"][0]["tool_calls"] == [CALL]


@pytest.mark.parametrize(
    ("step_score", "score", "rewards"), [(None, None, []), (0.0, None, [0.0]), (None, 0.0, [0.0] * 3)]
)
def test_a_reward_that_nobody_gave_makes_no_row_and_a_real_zero_does(step_score: Any, score: Any, rewards: Any) -> None:
    assert [row["reward"] for row in lines("rl", looped(step_score=step_score, score=score))] == rewards


def test_what_makes_no_row_is_counted_by_cause() -> None:
    format = format_named("rl", RowOptions(calls=CallFilter(only_good=True)))
    assert list(format(stored(looped(score=None))))
    assert dict(format.left_out) == {"failed": 1, "without a reward": 1}


def test_a_whole_session_is_one_row_for_each_conversation_it_had() -> None:
    rows = lines("rl", looped(), SESSION)
    assert [(row["conversation"], row["conversations"], len(row["completion"])) for row in rows] == [
        (1, 3, 1),
        (2, 3, 1),
        (3, 3, 3),
    ]
    assert {(row["reward"], row["reward_source"]) for row in rows} == {(1.0, "session")}


def test_advantages_are_among_the_runs_of_a_task() -> None:
    format = format_named("rl", RowOptions(unit="session", normalise="group"))
    runs = [stored(looped(score=score), number, f"k{number}") for number, score in enumerate((0.0, 1.0, 0.5), 1)]
    for run in runs:
        format.learn(run)
    found = [orjson.loads(line)["advantage"] for run in runs for line in format(run)]
    spread = math.sqrt(sum(3 * (score - 0.5) ** 2 for score in (0.0, 1.0, 0.5)) / 8) + EPSILON
    assert found == pytest.approx([each / spread for each in (-0.5, 0.5, 0.0) for _ in range(3)])


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20))
def test_advantages_of_a_group_have_no_mean_and_at_most_unit_spread(rewards: list[float]) -> None:
    groups = GroupStatistics()
    for reward in rewards:
        groups.add("g", reward)
    found = [groups.advantage("g", reward) for reward in rewards]
    assert all(one is not None and math.isfinite(one) for one in found)
    assert abs(sum(one or 0.0 for one in found)) < 1e-3 * len(rewards)


def test_one_reward_alone_has_no_advantage() -> None:
    groups = GroupStatistics()
    groups.add("g", 1.0)
    assert groups.advantage("g", 1.0) is None


def test_kto_labels_by_verdict_then_by_reward() -> None:
    rows = lines("kto", looped(step_score=None, score=0.4))
    # A plan that the session's reward is about, a failed attempt, and the two calls of one that nobody judged.
    assert [(row["label"], row["label_source"]) for row in rows] == [
        (False, "reward"),
        (False, "verdict"),
        (False, "reward"),
        (False, "reward"),
    ]
    assert lines("kto", looped(step_score=None, score=0.4), RowOptions(label_threshold=0.3))[0]["label"] is True
    assert rows[-1]["prompt"][-1]["content"] == "4"
