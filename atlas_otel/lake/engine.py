"""What both engines run: a unit's sessions made one after the other. Nothing here knows of processes or of Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.lake.unit_sessions import sessions_of
from atlas_otel_exporters.building.making import Maker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel.lake.unit_sessions import Apart
    from atlas_otel.lake.units import Unit
    from atlas_otel_exporters.building.making import Job, Made
    from atlas_otel_exporters.building.projected import Given


class Task(NamedTuple):
    """A unit, with all that is known of its sessions beside its files."""

    unit: Unit
    apart: Apart
    given: Mapping[str, Given]


def make_unit(job: Job, task: Task) -> Iterator[Made]:
    """The unit's sessions, in any order."""
    maker = Maker(job)
    for key, records in sessions_of(task.unit, task.apart):
        made = maker.make(key, records, task.given.get(key))
        if made is not None:
            yield made
