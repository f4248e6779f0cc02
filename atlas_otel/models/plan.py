"""A session's plan (contract §2, ``plans.plan``): the steps meant, in order, and how they are meant to be run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

STEP_ID_MAX: Final = 2**31 - 1
"""``step_id`` is an INTEGER column: a larger number is no step id."""


def step_number(value: object, *, least: int = 0) -> int | None:
    """``value`` as a step id (or, with ``least`` 1, an attempt); None where it is none. Takes ``"3"`` for 3."""
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            return None
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if least <= value <= STEP_ID_MAX else None


class StepAttempt(NamedTuple):
    """A step's id in the plan, and the number of an attempt at it, from 1."""

    step: int
    number: int


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a plan. ``depends_on`` holds step ids, as numbers or texts (contract §5)."""

    id: int
    description: str = ""
    tool: str | None = None
    tool_params: JsonObject | None = None
    depends_on: tuple[int | str, ...] = ()

    def to_json(self) -> JsonObject:
        """The step as the plan row holds it."""
        return {
            "id": self.id,
            "description": self.description,
            "tool": self.tool,
            "tool_params": self.tool_params,
            "depends_on": list(self.depends_on),
        }

    @classmethod
    def from_json(cls, value: JsonValue, number: int) -> PlanStep | None:
        """A step from an object, or from a bare description; ``number`` is its id where it names none of its own."""
        if isinstance(value, str):
            return cls(number, value)
        if not isinstance(value, Mapping):
            return None
        step_id = step_number(value.get("id"))
        description, tool = value.get("description"), value.get("tool")
        parameters, depends = value.get("tool_params"), value.get("depends_on")
        return cls(
            number if step_id is None else step_id,
            description if isinstance(description, str) else "",
            tool if isinstance(tool, str) else None,
            dict(parameters) if isinstance(parameters, Mapping) else None,
            tuple(one for one in depends if isinstance(one, (int, str)) and not isinstance(one, bool))
            if isinstance(depends, Sequence) and not isinstance(depends, str)
            else (),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in plan order, with distinct ids; ``execution_mode`` is ``stepwise`` or ``single_shot``."""

    steps: tuple[PlanStep, ...] = ()
    execution_mode: str | None = None

    def to_json(self) -> JsonObject:
        """The plan as the plan row holds it."""
        steps: list[JsonValue] = [step.to_json() for step in self.steps]
        if self.execution_mode is None:
            return {"steps": steps}
        return {"steps": steps, "execution_mode": self.execution_mode}

    @classmethod
    def from_json(cls, value: JsonValue) -> Plan | None:
        """A plan from its JSON; None where it is no plan. Of two steps with one id, the first is kept."""
        if not isinstance(value, Mapping):
            return None
        listed, mode = value.get("steps"), value.get("execution_mode")
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            return None
        steps: dict[int, PlanStep] = {}
        for number, one in enumerate(listed, start=1):
            step = PlanStep.from_json(one, number)
            if step is not None:
                steps.setdefault(step.id, step)
        return cls(tuple(steps.values()), mode if isinstance(mode, str) else None)

    def with_observed(self, observed: Mapping[int, PlanStep]) -> Plan:
        """This plan and every step that ran (by id), those that it lacks at the end.

        A planned step stays as planned, but takes a description where it has none: readers look only here for it.
        """
        known = {step.id for step in self.steps}
        steps = [
            replace(step, description=observed[step.id].description)
            if not step.description and step.id in observed
            else step
            for step in self.steps
        ]
        steps.extend(observed[number] for number in sorted(observed) if number not in known)
        return Plan(tuple(steps), self.execution_mode)
