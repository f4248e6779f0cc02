"""Rollups of days → what a plot draws. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.ui.shapes.plots import PlotGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

_SUMS: Final = (
    *("sessions", "succeeded", "failed", "rewarded", "reward_sum", "reward_squares", "retries", "rejected", "guided"),
    *("improved", "gain", "compared", "input_tokens", "output_tokens"),
)
_COUNTS: Final = (
    *("sessions", "succeeded", "failed", "rewarded", "retries", "rejected", "guided", "improved"),
    *("input_tokens", "output_tokens"),
)
COLUMNS: Final = ("day", "name", *_SUMS, "cost_usd", "calls", "failed_calls", "buckets")


@dataclass(slots=True)
class Day:
    """The numbers of one group on one day; they add up."""

    sums: Counter[str] = field(default_factory=Counter)
    cost_usd: float | None = None
    calls: int | None = None
    failed_calls: int | None = None
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row of ``daily_numbers`` in."""
        for name in _SUMS:
            self.sums[name] += row[name]
        for name in ("cost_usd", "calls", "failed_calls"):
            if row[name] is not None:
                setattr(self, name, (getattr(self, name) or 0) + row[name])
        for bucket, count in row["buckets"].items():
            self.buckets[int(bucket)] += int(count)


def groups(rows: Iterable[Sequence[Any]], days: Sequence[date], most: int) -> list[PlotGroup]:
    """The largest ``most`` groups in order, and all others together."""
    held: dict[str | None, dict[date, Day]] = {}
    sizes: Counter[str | None] = Counter()
    for values in rows:
        row = dict(zip(COLUMNS, values, strict=True))
        held.setdefault(row["name"], {}).setdefault(row["day"], Day()).add(row)
        sizes[row["name"]] += row["sessions"]
    named = sorted((name for name in held if name is not None), key=lambda name: (-sizes[name], name))
    found = [_group(name, held[name], days) for name in named[:most]]
    rest: dict[date, Day] = {}
    for name in [*named[most:], *([None] if None in held else [])]:
        for day, numbers in held[name].items():
            _join(rest.setdefault(day, Day()), numbers)
    return [*found, _group("", rest, days, rest=True)] if rest else found


def _join(into: Day, other: Day) -> None:
    into.sums.update(other.sums)
    into.buckets.update(other.buckets)
    for name in ("cost_usd", "calls", "failed_calls"):
        value = getattr(other, name)
        if value is not None:
            setattr(into, name, (getattr(into, name) or 0) + value)


def _group(name: str, held: Mapping[date, Day], days: Sequence[date], *, rest: bool = False) -> PlotGroup:
    numbers = [held.get(day) or Day() for day in days]
    counted: dict[str, Any] = {key: [int(one.sums[key]) for one in numbers] for key in _COUNTS}
    return PlotGroup(
        name=name,
        rest=rest,
        **counted,
        reward_mean=[_ratio(one.sums["reward_sum"], one.sums["rewarded"]) for one in numbers],
        reward_spread=[_spread(one) for one in numbers],
        gain_mean=[_ratio(one.sums["gain"], one.sums["compared"]) for one in numbers],
        cost_usd=[one.cost_usd for one in numbers],
        p50_seconds=[percentile(one.buckets, 0.5) for one in numbers],
        p95_seconds=[percentile(one.buckets, 0.95) for one in numbers],
        p99_seconds=[percentile(one.buckets, 0.99) for one in numbers],
        calls=[one.calls for one in numbers],
        failed_calls=[one.failed_calls for one in numbers],
    )


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """The time in seconds below which ``share`` of what was counted lies, within 9 %; None where nothing was.

    A bucket is a quarter of a power of two from a millisecond up (``atlas_otel.time_bucket``): its middle is given.

    >>> percentile({0: 1}, 0.5)
    0.001
    """
    total = sum(buckets.values())
    if not total:
        return None
    wanted = math.ceil(share * total)
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return 0.001 if bucket == 0 else round(0.001 * 2 ** ((bucket - 0.5) / 4), 6)
    raise AssertionError


def _ratio(total: float, count: int) -> float | None:
    return total / count if count else None


def _spread(day: Day) -> float | None:
    count = day.sums["rewarded"]
    if not count:
        return None
    mean = day.sums["reward_sum"] / count
    return math.sqrt(max(day.sums["reward_squares"] / count - mean * mean, 0.0))
