"""How much better a reward is than others for the same task: mean and spread of each group, and what follows. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from atlas_otel_exporters.training.task_group import task_digest

if TYPE_CHECKING:
    from atlas_otel_exporters.training.options import Unit
    from atlas_otel_exporters.training.turn import Turn

EPSILON: Final = 1e-4
"""Added to the spread, as TRL's GRPO does: where all rewards are alike, no advantage is infinite."""


def reward_group(turn: Turn, unit: Unit) -> str | None:
    """What a reward is compared within: the same step of the same task, or the whole task. None without a task."""
    run = turn.run
    if run.task_group is None:
        return None
    name = f"{run.task_group}:{task_digest(run.task)}"
    return name if unit == "session" or turn.attempt is None else f"{name}:{turn.attempt.step}"


class GroupStatistics:
    """Running mean and spread of each group's rewards."""

    def __init__(self) -> None:
        self._groups: dict[str, tuple[int, float, float]] = {}

    def add(self, group: str, reward: float) -> None:
        """Take one reward in."""
        count, mean, squares = self._groups.get(group, (0, 0.0, 0.0))
        count += 1
        before = reward - mean
        mean += before / count
        self._groups[group] = (count, mean, squares + before * (reward - mean))

    def advantage(self, group: str, reward: float) -> float | None:
        """``(reward - mean) / (sample standard deviation + EPSILON)``; None where the group holds one reward only."""
        count, mean, squares = self._groups.get(group, (0, 0.0, 0.0))
        if count < 2:
            return None
        return (reward - mean) / (math.sqrt(max(squares, 0.0) / (count - 1)) + EPSILON)
