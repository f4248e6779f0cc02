"""The trajectory events of a session in their order, kept sorted while spans come and change."""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain
from typing import TYPE_CHECKING

from atlas_otel.projection.pace import at_once

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from atlas_otel.models.rows import TrajectoryEventRow
    from atlas_otel.projection.pace import Pace


class Timeline:
    """Events by what they were made from, and all of them by (time, key)."""

    def __init__(self, pace: Pace = at_once) -> None:
        self._pace = pace
        self._made: dict[Hashable, Sequence[TrajectoryEventRow]] = {}
        self._places: list[tuple[int, str]] = []
        self._rows: list[TrajectoryEventRow] = []
        self._changed: dict[Hashable, Sequence[TrajectoryEventRow]] = {}

    def put(self, source: Hashable, rows: Sequence[TrajectoryEventRow]) -> None:
        """``rows`` are what ``source`` makes from now on."""
        if self._made.get(source, ()) != rows:
            # What was there when the list was last sorted is what must leave it.
            self._changed.setdefault(source, self._made.get(source, ()))
            self._made[source] = rows

    def of(self, source: Hashable) -> Sequence[TrajectoryEventRow]:
        """What ``source`` makes."""
        return self._made.get(source, ())

    def rows(self) -> list[TrajectoryEventRow]:
        """All events, oldest first. Those before the first change are not looked at again."""
        gone: set[tuple[int, str]] = set()
        come: list[TrajectoryEventRow] = []
        for source, before in self._pace(self._changed.items()):
            after = self._made[source]
            if not before:
                come += after
                continue
            gone.update(_place(row) for row in before if row not in after)
            come += [row for row in after if row not in before]
        self._changed = {}
        if gone or come:
            at = bisect_left(self._places, min(chain(gone, map(_place, come))))
            kept = [row for place, row in zip(self._places[at:], self._rows[at:], strict=True) if place not in gone]
            self._rows[at:] = sorted(kept + come, key=_place)
            self._places[at:] = map(_place, self._rows[at:])
        return self._rows.copy()


def _place(row: TrajectoryEventRow) -> tuple[int, str]:
    return row.time_ns, row.key
