"""The spans of a governed run. Each is entered with ``with`` and gives its handle: set ``output`` on it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from atlas_otel import semconv
from atlas_otel.tracing import state
from atlas_otel.tracing.active_span import ActiveSpan, around
from atlas_otel.tracing.handles import Observation, Session, Step
from atlas_otel.tracing.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.adapter import Step as PlannedStep
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.records.record import AttributeValue
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


@contextmanager
def aside(name: str) -> Iterator[None]:
    """Show how long the block takes: a span beside what runs in the block, which is not current in it."""
    context, frame = around()
    attributes: dict[str, AttributeValue] = {semconv.ATLAS_KIND: "custom", semconv.ATLAS_ASIDE: True}
    if frame.session is not None:
        attributes[semconv.ATLAS_SESSION_ID] = frame.session.key
    parts = state.current()
    active = ActiveSpan(parts, "custom", name, attributes, frame=frame, context=context, session=frame.session)
    active.announce()
    try:
        yield
    except BaseException as error:
        active.ended_by(error)
        raise
    finally:
        active.end()


def attempt_span(step: PlannedStep, attempt: int, given: object) -> Instrument[Step]:
    """One attempt at a step of the plan."""
    return Instrument[Step]("step", text=step.description, step_id=step.id, attempt=attempt, given=given)
