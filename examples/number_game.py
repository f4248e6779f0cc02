"""An environment that hides a number, and an agent that halves the range: ``type: self_managed``."""

from __future__ import annotations

import re
from typing import Any


class HiddenNumber:
    """Says whether a guess is too low or too high."""

    def __init__(self, highest: int) -> None:
        self._highest = highest
        self._number = 0

    async def areset(self, *, task: str, metadata: dict[str, Any]) -> dict[str, Any]:
        digits = re.findall(r"\d+", task)
        self._number = int(digits[-1]) if digits else self._highest // 3
        return {"content": f"between 1 and {self._highest}", "metadata": {"highest": self._highest}}

    async def astep(self, action: dict[str, Any], *, metadata: dict[str, Any]) -> dict[str, Any]:
        guess = int(action["command"])
        found = guess == self._number
        said = "found" if found else "too low" if guess < self._number else "too high"
        return {
            "observation": {"content": said, "metadata": {}},
            "reward": 1.0 if found else -0.1,
            "done": found,
            "info": {"guess": guess},
        }

    async def aclose(self) -> None:
        pass


class Halver:
    """Guesses the middle of what is left."""

    def __init__(self, highest: int) -> None:
        self._highest = highest
        self._low, self._high, self._guess = 1, highest, 0

    async def areset(self, *, task: str, metadata: dict[str, Any]) -> None:
        self._low, self._high, self._guess = 1, self._highest, 0

    async def aact(self, observation: str, *, step_index: int, metadata: dict[str, Any]) -> dict[str, Any]:
        if observation == "too low":
            self._low = self._guess + 1
        elif observation == "too high":
            self._high = self._guess - 1
        self._guess = (self._low + self._high) // 2
        return {"command": self._guess, "submit": False, "metadata": {"range": [self._low, self._high]}}

    async def asummarize(self, trajectory: list[dict[str, Any]], *, task: str, metadata: dict[str, Any]) -> str:
        return f"The number is {self._guess}, found in {len(trajectory)} guesses."
