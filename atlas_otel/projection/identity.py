"""Which step of the plan each step span is, and which attempt at it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.models.plan import STEP_ID_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.models.plan import Plan
    from atlas_otel.projection.tree import SpanKey


class Attempt(NamedTuple):
    """A step's id in the plan, and the number of an attempt at it, from 1."""

    step: int
    number: int


class StepSpan(NamedTuple):
    """What identifies a step span; ``step`` and ``attempt`` as its process numbered it, None where it did not."""

    start_ns: int
    key: SpanKey
    step: int | None
    attempt: int | None
    description: str


def number_steps(spans: Iterable[StepSpan], stamped: Iterable[Attempt], plan: Plan) -> Mapping[SpanKey, Attempt]:
    """The step and attempt of each span.

    The numbers that its own process gave are kept. Where two spans claim the same attempt, the earlier one has it and
    the other is the step's next attempt; so is one that names a step without an attempt. A span without a step is
    the first unused plan step of the same description, else the next number. ``stamped`` are attempts that other
    spans say they belong to, whose own span hasn't come: their numbers are taken.
    """
    ordered = sorted(spans)
    numbers: dict[SpanKey, Attempt] = {}
    taken: dict[int, set[int]] = {}
    later: list[StepSpan] = []
    claimed: set[Attempt] = set()
    for span in ordered:
        if span.step is None:
            continue
        claim = Attempt(span.step, span.attempt) if span.attempt is not None else None
        if claim is None or claim in claimed:
            later.append(span)
            continue
        claimed.add(claim)
        numbers[span.key] = claim
        taken.setdefault(claim.step, set()).add(claim.number)
    for attempt in stamped:
        taken.setdefault(attempt.step, set()).add(attempt.number)
    for span in later:
        if span.step is not None:
            attempts = taken.setdefault(span.step, set())
            numbers[span.key] = Attempt(span.step, _next(attempts))
            attempts.add(numbers[span.key].number)
    planned: dict[str, list[int]] = {}
    for step in reversed(plan.steps):
        if step.id not in taken and step.description:
            planned.setdefault(step.description, []).append(step.id)
    used = {*taken, *(step.id for step in plan.steps)}
    highest = max(used, default=0)
    for span in ordered:
        if span.step is None:
            waiting = planned.get(span.description)
            if waiting:
                number = waiting.pop()
            else:
                highest = number = highest + 1 if highest < STEP_ID_MAX else _next(used)
                used.add(number)
            numbers[span.key] = Attempt(number, 1)
    return numbers


def _next(taken: set[int]) -> int:
    """The number after the highest one; where that is the last there is, the first free one."""
    highest = max(taken, default=0)
    if highest < STEP_ID_MAX:
        return highest + 1
    return next(number for number in count(1) if number not in taken)
