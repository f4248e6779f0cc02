"""The spans of a governed run that are not the agent's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel import semconv
from atlas_otel.handles import Observation, Session
from atlas_otel.instrument import Instrument

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.advisor import Actor
    from atlas_otel.semconv import Kind


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


def runtime_span(name: str, kind: Kind = "function") -> Instrument[Observation]:
    """Something that the runtime does: enter it with ``with``."""
    return Instrument[Observation](kind, name=name)


def governance_span(name: str, actor: Actor, kind: Kind = "function") -> Instrument[Observation]:
    """A call of somebody who governs the run: told from the agent's own by ``atlas.actor``."""
    return Instrument[Observation](kind, name=name, attributes={semconv.ATLAS_ACTOR: actor})
