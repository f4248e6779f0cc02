"""The spans of a governed run. Each is entered with ``with`` and gives its handle: set ``output`` on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from atlas_otel import semconv
from atlas_otel.tracing.handles import Observation, Session, Step
from atlas_otel.tracing.instrument import Instrument

if TYPE_CHECKING:
    from atlas_otel.models.adapter import Step as PlannedStep
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.advisor import Actor

RuntimeKind: TypeAlias = Literal["function", "custom"]


def session_span(task: str, agent: str, *, key: str, tags: list[str], metadata: JsonObject) -> Instrument[Session]:
    """A session of its own with this key, also inside another session. Its workflow has the contract's name (§5)."""
    return Instrument[Session](
        "session",
        text=task,
        name=agent,
        tags=tags,
        metadata=metadata,
        new=True,
        session_key=key,
        attributes={semconv.ATLAS_NAME: semconv.GOVERNED_WORKFLOW},
    )


def runtime_span(name: str, given: object, *, kind: RuntimeKind = "function") -> Instrument[Observation]:
    """Something that the runtime does with ``given``."""
    return Instrument[Observation](kind, name=name, given=given)


def governance_span(
    name: str, actor: Actor, given: object, *, kind: RuntimeKind = "function"
) -> Instrument[Observation]:
    """A call of somebody who governs the run: told from the agent's own by ``atlas.actor``."""
    return Instrument[Observation](kind, name=name, given=given, attributes={semconv.ATLAS_ACTOR: actor})


def attempt_span(step: PlannedStep, attempt: int, given: object) -> Instrument[Step]:
    """One attempt at a step of the plan."""
    return Instrument[Step]("step", text=step.description, step_id=step.id, attempt=attempt, given=given)
