"""What a case is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """``rounds``: how many alternate (15 and more for figures that are published). ``quick``: a look, not a figure."""

    rounds: int = 15
    quick: bool = False

    def pick(self, full: T, quick: T) -> T:
        """``quick`` in a quick run, else ``full``: sizes, mostly."""
        return quick if self.quick else full
