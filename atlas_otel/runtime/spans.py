"""The spans of a governed run that are not the agent's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel import semconv
from atlas_otel.handles import Observation
from atlas_otel.instrument import Instrument

if TYPE_CHECKING:
    from atlas_otel.runtime.advisor import Actor
    from atlas_otel.semconv import Kind


def runtime_span(name: str, kind: Kind = "function") -> Instrument[Observation]:
    """Something that the runtime does: enter it with ``with``."""
    return Instrument[Observation](kind, name=name)


def governance_span(name: str, actor: Actor, kind: Kind = "function") -> Instrument[Observation]:
    """A call of somebody who governs the run: told from the agent's own by ``atlas.actor``."""
    return Instrument[Observation](kind, name=name, attributes={semconv.ATLAS_ACTOR: actor})
