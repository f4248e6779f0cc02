"""Rounds that alternate, and the ratios of them.

The speed of a shared machine drifts by more than what is to be seen, so an absolute time says little. What is compared
runs in turns in one process, and each round's ratio is taken before the machine has changed.
"""

from __future__ import annotations

import gc
import statistics
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

from benchmarks.finding import Ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def alternate(
    sides: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    between: Callable[[], object] | None = None,
    warm: int = 1,
) -> dict[str, list[float]]:
    """Seconds of each side in each round.

    Every round calls every side once, after a garbage collection; who is first rotates. ``between`` is called before
    each side, off the clock (to let a queue empty, say). ``warm`` rounds come first and don't count.
    """
    return alternate_both(sides, rounds, between=between, warm=warm)[0]


def alternate_both(
    sides: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    between: Callable[[], object] | None = None,
    warm: int = 1,
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The same, and of the same rounds the CPU seconds of the calling thread, which other processes don't change.

    What a call waits for (the interpreter's lock, a disk) is in the first alone.
    """
    names = list(sides)
    taken: dict[str, list[float]] = {name: [] for name in names}
    used: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.freeze()  # what was imported is not looked through again before each side
    try:
        for number in range(-warm, rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                if between is not None:
                    between()
                gc.collect()
                side = sides[name]
                start, cpu = perf_counter(), thread_time()
                side()
                ended, cpu_ended = perf_counter(), thread_time()
                if number >= 0:
                    taken[name].append(ended - start)
                    used[name].append(cpu_ended - cpu)
    finally:
        gc.unfreeze()
    return taken, used


def ratio(ours: Sequence[float], beside: Sequence[float]) -> Ratio:
    """``ours`` over ``beside``, round by round. Raises ValueError where the two are not of the same rounds."""
    ratios = sorted(mine / other for mine, other in zip(ours, beside, strict=True))
    if not ratios:
        raise ValueError("a ratio needs at least one round")
    return Ratio(statistics.median(ratios), percentile(ratios, 0.1), percentile(ratios, 0.9), len(ratios))


def rate_ratio(ours: Sequence[float], beside: Sequence[float]) -> Ratio:
    """The same for speeds: what ``beside`` took over what ``ours`` took for the same work; 2 is twice as fast."""
    return ratio(beside, ours)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of them lie, linearly between neighbours. Raises ValueError for none."""
    if not values:
        raise ValueError("a percentile needs at least one value")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
