"""What has to change in ``trajectory_events`` so that a session's rows say what its projection says. Pure.

Readers order events by row id. So the i-th event of a session, in time order, belongs into its i-th row by id: rows
that say it already are left alone, the others are changed in place, and what is more is appended. An event that
comes late moves those after it one row on; nothing is deleted unless a projection has fewer events than before.
"""

from __future__ import annotations

import hashlib
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.rows import TrajectoryEventRow

_BLOCK: Final = 4096


class EventRowRef(NamedTuple):
    """A row of ``trajectory_events``, by what it was computed from."""

    time_ns: int
    key: str
    content_hash: bytes
    event_id: int


class TrajectoryChange(NamedTuple):
    """What to write, in order, and what to take away."""

    changed: Sequence[tuple[int, TrajectoryEventRow]]
    """Row ids, and what each is to hold."""
    appended: Sequence[TrajectoryEventRow]
    removed: Sequence[int]
    forgotten: Sequence[EventRowRef]
    """Events that no row holds any more."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.appended or self.removed)


def content_hash(event: TrajectoryEventRow) -> bytes:
    """Sixteen bytes that differ where two events differ."""
    return hash_of(event.event.encode())


def hash_of(event: bytes) -> bytes:
    """The same, of an event's text in UTF-8."""
    return hashlib.blake2b(event, digest_size=16).digest()


def stored_as(events: Sequence[TrajectoryEventRow], ids: Sequence[int]) -> list[EventRowRef]:
    """Events as the rows of these ids hold them."""
    return [
        EventRowRef(event.time_ns, event.key, content_hash(event), event_id)
        for event, event_id in zip(events, ids, strict=True)
    ]


def difference(stored: Sequence[EventRowRef], wanted: Sequence[TrajectoryEventRow]) -> TrajectoryChange:
    """What turns ``stored``, in the order of its ids, into ``wanted``, which is in the order of time and key."""
    changed = [
        (held.event_id, event)
        for held, event in zip(stored, wanted, strict=False)
        if (held.time_ns, held.key, held.content_hash) != (event.time_ns, event.key, content_hash(event))
    ]
    names = {(event.time_ns, event.key) for event in wanted}
    return TrajectoryChange(
        changed=changed,
        appended=wanted[len(stored) :],
        removed=[held.event_id for held in stored[len(wanted) :]],
        forgotten=[held for held in stored if (held.time_ns, held.key) not in names],
    )


def difference_since(
    before: Sequence[TrajectoryEventRow], ids: Sequence[int], wanted: Sequence[TrajectoryEventRow]
) -> TrajectoryChange:
    """The same where the events that the rows hold are at hand.

    Both are in the order of time and key. Events that are the same objects as before cost next to nothing: of a long
    session all but the last few are.
    """
    kept = _common(before, wanted)
    return difference(stored_as(before[kept:], ids[kept:]), wanted[kept:])


def _common(before: Sequence[TrajectoryEventRow], wanted: Sequence[TrajectoryEventRow]) -> int:
    """How many events at the beginning are the same; lists compare objects with themselves fast, so block by block."""
    for at in range(0, min(len(before), len(wanted)), _BLOCK):
        if before[at : at + _BLOCK] != wanted[at : at + _BLOCK]:
            pairs = zip(before[at : at + _BLOCK], wanted[at : at + _BLOCK], strict=False)
            return at + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return min(len(before), len(wanted))
