"""A Postgres store whose rows a function of the test computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from atlas_otel.models.rows import Quiescence, SessionRows, TrajectoryEventRow
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import Record, RecordSet

Project = Callable[[RecordSet], SessionRows | None]


def in_order(events: Sequence[TrajectoryEventRow]) -> list[TrajectoryEventRow]:
    """Events by time, then key: as a fold has to give them."""
    return sorted(events, key=lambda event: (event.time_ns, event.key))


class WholeFold:
    """A fold over a plain projection: computes everything again each time."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._records = RecordSet()

    def add(self, record: Record) -> None:
        self._records.add(record)

    def rows(self, quiescence: Quiescence) -> SessionRows | None:
        rows = self._project(self._records)
        return (
            None if rows is None else replace(rows, events=sorted(rows.events, key=lambda one: (one.time_ns, one.key)))
        )


class ProjectingStore(PostgresStore):
    """A :class:`PostgresStore` that projects with ``project``."""

    def __init__(self, url: str, project: Project, **options: Any) -> None:
        super().__init__(url, **options)
        self._project = project

    def _new_fold(self) -> WholeFold:
        return WholeFold(self._project)
