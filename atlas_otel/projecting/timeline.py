"""The trajectory events of a session in their order, kept sorted while spans come and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from atlas_otel.models.rows import TrajectoryEventRow


class Timeline:
    """Events by what they were made from, and all of them by (time, key)."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Sequence[TrajectoryEventRow]] = {}
        self._sorted: list[tuple[int, str, TrajectoryEventRow]] = []
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
        """All events, oldest first."""
        if self._changed:
            gone = {(row.time_ns, row.key) for rows in self._changed.values() for row in rows}
            kept = [entry for entry in self._sorted if entry[:2] not in gone] if gone else self._sorted
            kept += [(row.time_ns, row.key, row) for source in self._changed for row in self._made[source]]
            kept.sort(key=_place)
            self._sorted, self._changed = kept, {}
        return [row for _, _, row in self._sorted]


def _place(entry: tuple[int, str, TrajectoryEventRow]) -> tuple[int, str]:
    return entry[:2]
