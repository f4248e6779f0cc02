"""The steps that ran, and whose content each attempt is."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.models.plan import STEP_ID_MAX, PlanStep, StepAttempt
from atlas_otel.projection.dialects import atlas
from atlas_otel.projection.results import task_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlas_otel.models.plan import Plan
    from atlas_otel.projection.node import Owner
    from atlas_otel.projection.span_placer import SpanPlacer
    from atlas_otel.projection.tree import SpanKey


class StepSpan(NamedTuple):
    """What identifies a step span; ``step`` and ``attempt`` as its process numbered it, None where it did not."""

    start_ns: int
    key: SpanKey
    step: int | None
    attempt: int | None
    description: str


class StepNumbering:
    """Step spans with their numbers. :meth:`update` after :class:`SpanPlacer` has placed what is new."""

    def __init__(self, placer: SpanPlacer) -> None:
        self._placer = placer
        self._spans: dict[SpanKey, StepSpan] = {}
        self._numbers: Mapping[SpanKey, StepAttempt] = {}
        self.implied: StepAttempt | None = None
        """The one step of a session that ran none: it owns what the session itself owns."""
        self.own: StepAttempt | None = None
        """In a session of another instrumentation that has steps: what it did itself, outside of them, is one too."""
        self.owners: dict[int, dict[int, list[Owner]]] = {}
        """By step and attempt."""
        self.latest: dict[int, int] = {}
        """The number of each step's last attempt."""

    def update(self, touched: Iterable[SpanKey], plan: Plan) -> set[SpanKey]:
        """Number the steps; the spans that stand in, or are, an attempt that is now called otherwise."""
        for key in touched:
            node = self._placer.nodes[key]
            if node.role == "step":
                facts = node.facts
                said = facts.step_description or ("" if facts.dialect == atlas.NAME else facts.name)
                self._spans[key] = StepSpan(node.span.start_ns, key, facts.step_id, facts.step_attempt, said)
            else:
                self._spans.pop(key, None)
        groups = self._placer.groups
        stamped = [owner for owner, spans in groups.items() if isinstance(owner, StepAttempt) and spans]
        numbers = dict(number_steps([*self._spans.values(), *self._own_step()], stamped, plan))
        self.own = numbers.pop(self._placer.root, None) if self._placer.root is not None else None
        before, self._numbers = self._numbers, numbers
        self.owners = {}
        for owner, spans in groups.items():
            attempt = self._attempt_of_owner(owner) if owner is not None else self.own
            if attempt is not None and spans:
                self.owners.setdefault(attempt.step, {}).setdefault(attempt.number, []).append(owner)
        self.implied = None if self.owners else self._implied(plan)
        if self.implied is not None:
            self.owners = {self.implied.step: {self.implied.number: [None]}}
        self.latest = {step: max(numbers) for step, numbers in self.owners.items()}
        renamed = [key for key, attempt in self._numbers.items() if before.get(key) != attempt]
        return self._placer.tree.with_descendants(renamed)

    def _own_step(self) -> list[StepSpan]:
        root = self._placer.root_node
        if root is None or not (self._placer.foreign and self._spans and self._placer.calls_outside_steps):
            return []
        return [StepSpan(root.span.start_ns, root.span.key, None, None, "")]

    def _implied(self, plan: Plan) -> StepAttempt | None:
        """A session that is over and ran no step was one: the only one of its plan, or the task itself."""
        root = self._placer.root_node
        if root is None or root.status == "running" or len(plan.steps) > 1:
            return None
        return StepAttempt(plan.steps[0].id if plan.steps else 1, 1)

    def attempt_of(self, key: SpanKey) -> StepAttempt | None:
        """The attempt that a span is or stands in."""
        node = self._placer.nodes.get(key)
        return self._attempt_of_owner(node.owner) if node is not None else None

    def span_of(self, owners: Sequence[Owner]) -> SpanKey | None:
        """The step span among the owners of one attempt; the session's for the implied step."""
        for owner in owners:
            if owner is None:
                return self._placer.root
            if not isinstance(owner, StepAttempt):
                return owner
        return None

    def observed(self, task: str) -> dict[int, PlanStep]:
        """Each step that ran, as its first attempt that says anything has it. ``task`` is the implied step's."""
        said = {step: PlanStep(step) for step in self.owners}
        for key, attempt in sorted(self._numbers.items(), key=lambda item: (item[1], item[0])):
            if not said[attempt.step].description:
                said[attempt.step] = self._as_planned(key, attempt.step)
        for one in (self.implied, self.own):
            if one is not None:
                said[one.step] = PlanStep(one.step, task)
        return said

    def _as_planned(self, key: SpanKey, number: int) -> PlanStep:
        """The step as the attempt's input describes it (contract §5), else as its span does."""
        given = PlanStep.from_json(task_input(self._placer.facts[key]).step, number)
        described = replace(given, id=number) if given is not None else PlanStep(number)
        return described if described.description else replace(described, description=self._spans[key].description)

    def _attempt_of_owner(self, owner: Owner) -> StepAttempt | None:
        if owner is None or isinstance(owner, StepAttempt):
            return owner
        return self._numbers.get(owner)


def number_steps(
    spans: Iterable[StepSpan], stamped: Iterable[StepAttempt], plan: Plan
) -> Mapping[SpanKey, StepAttempt]:
    """The step and attempt of each span.

    The numbers that its own process gave are kept. Where two spans claim the same attempt, the earlier one has it and
    the other is the step's next attempt; so is one that names a step without an attempt. A span without a step is
    the first unused plan step of the same description, else the next number. ``stamped`` are attempts that other
    spans say they belong to, whose own span hasn't come: their numbers are taken.
    """
    ordered = sorted(spans)
    numbers: dict[SpanKey, StepAttempt] = {}
    taken: dict[int, set[int]] = {}
    later: list[StepSpan] = []
    claimed: set[StepAttempt] = set()
    for span in ordered:
        if span.step is None:
            continue
        claim = StepAttempt(span.step, span.attempt) if span.attempt is not None else None
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
            numbers[span.key] = StepAttempt(span.step, _next(attempts))
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
            numbers[span.key] = StepAttempt(number, 1)
    return numbers


def _next(taken: set[int]) -> int:
    """The number after the highest one; where that is the last there is, the first free one."""
    highest = max(taken, default=0)
    if highest < STEP_ID_MAX:
        return highest + 1
    return next(number for number in count(1) if number not in taken)
