"""The spans of a governed run: recorded as any other, and told to whoever follows the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.runtime.stream import PublishedStep
from atlas_otel.tracing.handles import Observation, Session
from atlas_otel.tracing.instrument import Instrument

if TYPE_CHECKING:
    from types import TracebackType

    from atlas_otel.models.adapter import Step
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.advisor import Actor
    from atlas_otel.runtime.stream import Category
    from atlas_otel.semconv import Kind
    from atlas_otel.tracing.handles import Step as StepHandle


_KINDS: Final[dict[Category, Kind]] = {
    "WORKFLOW": "session",
    "TASK": "step",
    "FUNCTION": "function",
    "CUSTOM": "custom",
}


class RunSpan:
    """A span of the run: enter it with ``with``, give it its output."""

    def __init__(
        self, instrument: Instrument[Observation] | Instrument[StepHandle], category: Category, name: str, given: object
    ) -> None:
        self._instrument = instrument
        self._category: Category = category
        self._name = name
        self._given = given

    def __enter__(self) -> RunSpan:
        """Start the span."""
        self._span: Observation = self._instrument.__enter__()
        self._span.input = self._given
        self._published = PublishedStep(self._category, self._name, self._span.span_id, self._given)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, with ``error`` where there is one. Never swallows it."""
        self._published.end(error)
        self._instrument.__exit__(kind, error, trace)

    def done(self, output: object) -> None:
        """What came out."""
        self._published.output = output
        self._span.output = output

    def fail(self, error: BaseException) -> None:
        """Mark the span as failed with ``error``, though nothing is raised."""
        self._span.fail(error)


def session_span(task: str, agent: str, *, tags: list[str], metadata: JsonObject) -> Instrument[Session]:
    """A session of its own, also inside another one. Its workflow is called as the contract has it (§5)."""
    return Instrument[Session](
        "session",
        text=task,
        name=agent,
        tags=tags,
        metadata=metadata,
        new=True,
        attributes={semconv.ATLAS_NAME: "orchestration"},
    )


def runtime_span(name: str, given: object, *, category: Category = "FUNCTION") -> RunSpan:
    """Something that the runtime does with ``given``."""
    return RunSpan(Instrument[Observation](_KINDS[category], name=name), category, name, given)


def governance_span(name: str, actor: Actor, given: object, *, category: Category = "FUNCTION") -> RunSpan:
    """A call of somebody who governs the run: told from the agent's own by ``atlas.actor``."""
    marked = Instrument[Observation](_KINDS[category], name=name, attributes={semconv.ATLAS_ACTOR: actor})
    return RunSpan(marked, category, name, given)


def attempt_span(step: Step, attempt: int, given: object) -> RunSpan:
    """One attempt at a step of the plan."""
    instrument = atlas.step(step.description, id=step.id, attempt=attempt)
    return RunSpan(instrument, "TASK", f"step_{step.id}", given)
