"""What a case finds: a figure beside its goal, or how a cost grows. Saved as JSON, read again by the report."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours over what stands beside it: the median of all rounds' ratios, and their 10th and 90th percentile."""

    median: float
    low: float
    high: float
    rounds: int

    @property
    def brief(self) -> str:
        """In a line: the median, and in brackets the percentiles."""
        return f"{self.median:.2f}× ({self.low:.2f}–{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a table: a ``ratio``, or a ``value``; neither where nothing could be measured (``note`` says why)."""

    path: str
    """What is measured."""
    beside: str
    """What stands beside it; empty for a value of its own."""
    goal: float | None = None
    """The bound that the median (or the value) is to keep; None where there is no goal."""
    ratio: Ratio | None = None
    value: float | None = None
    unit: str = "×"
    """What is counted: ``×`` for ratios, else such as ``MB``, ``ms``."""
    better: Literal["lower", "higher"] = "lower"
    checked: str = ""
    """What was found correct in the same run."""
    note: str = ""
    """Where the time goes, why it was not measured, …"""

    @property
    def figure(self) -> float | None:
        """The median, or the value; None where nothing could be measured."""
        return self.ratio.median if self.ratio is not None else self.value

    @property
    def met(self) -> bool | None:
        """Whether the goal is met. None without a goal; False where there is one and nothing was measured."""
        if self.goal is None:
            return None
        figure = self.figure
        if figure is None or math.isnan(figure):
            return False
        return figure <= self.goal if self.better == "lower" else figure >= self.goal


@dataclass(frozen=True, slots=True)
class Growth:
    """How a cost grows: one line of a plot for each name in ``series``.

    ``y`` is a cost for one unit of ``x`` wherever that makes sense (µs a span), so that a flat line is linear growth.
    """

    name: str
    x_label: str
    y_label: str
    series: dict[str, list[tuple[float, float]]]
    note: str = ""


def to_json(found: Finding | Growth) -> dict[str, Any]:
    """What :func:`from_json` reads."""
    return {"kind": type(found).__name__.lower(), **asdict(found)}


def from_json(saved: dict[str, Any]) -> Finding | Growth:
    """The finding that :func:`to_json` wrote. Raises ValueError for anything else."""
    fields = dict(saved)
    kind = fields.pop("kind", None)
    if kind == "finding":
        if fields.get("ratio") is not None:
            fields["ratio"] = Ratio(**fields["ratio"])
        return Finding(**fields)
    if kind == "growth":
        fields["series"] = {name: [(x, y) for x, y in points] for name, points in fields["series"].items()}
        return Growth(**fields)
    raise ValueError(f"not a finding: {kind!r}")
