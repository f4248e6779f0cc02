"""The Atlas SDK (``arc-atlas``): its runs, recorded by us.

::

    from atlas import core
    from atlas_otel.bridges import arc_atlas

    core.run(task, "config.yaml", publisher=arc_atlas.publisher())
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.bridges.bridge import Bridge, as_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.bridges.bridge import Stream
    from atlas_otel.models.intermediate_step import IntermediateStep

_NAME: Final = "arc-atlas"


def bridge(manager_or_stream: Stream) -> Bridge:
    """Follow ``ExecutionContext.get().intermediate_step_manager`` or its ``event_stream``, after the SDK has made it:
    a run begins with a new one, so within a run."""
    return Bridge(read, _NAME).follow(manager_or_stream)


def publisher() -> Publisher:
    """What ``core.run`` and ``core.arun`` take as ``publisher=``; for one run."""
    return Publisher()


class Publisher:
    """Follows one run from its first step to its end. A run that raises is recorded as failed, with its error."""

    def __init__(self) -> None:
        self._bridge = Bridge(read, _NAME)

    def attach(self, manager: Any) -> None:
        """The run begins."""
        self._bridge.follow(manager)

    def publish_control_event(self, name: str, values: Mapping[str, Any]) -> None:
        """What the SDK says of its own row: nothing that the steps don't."""

    def detach(self) -> None:
        """The run is over."""
        # Called in the `finally` of the run: what is on its way out there is how the run failed.
        self._bridge.close(sys.exc_info()[1])


def read(foreign: Any) -> IntermediateStep:
    """A step of theirs as ours: the shapes are the same."""
    fields = foreign.payload.model_dump()
    return as_step(foreign, {**fields, "event_type": foreign.payload.event_type.value})
