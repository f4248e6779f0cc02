"""A segment of this process, and what it holds that has not been stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.records.record import RANK_OPEN, EventRecord

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_otel.delivery.spool_segment import Segment
    from atlas_otel.records.record import Record


class Part:
    """A segment of this process, from its first record to its deletion.

    ``tail``: where its last whole frame ends. ``spans``, ``events``: what it holds and has not been taken; what is left
    of them when the segment has been read to its end could not be read. ``upto``: the journal's count of accepted
    records at its last one.
    """

    __slots__ = ("events", "path", "segment", "spans", "tail", "upto")

    def __init__(self, path: Path, segment: Segment) -> None:
        self.path = path
        self.segment = segment
        self.tail = segment.tail
        self.spans = self.events = self.upto = 0

    def took(self, record: Record, upto: int) -> None:
        """Count a record in. Nothing interrupts this from the look at its type on: nothing more is called."""
        if isinstance(record, EventRecord):
            self.events += 1
        elif record.rank > RANK_OPEN:
            self.spans += 1
        self.upto = upto
        self.tail = self.segment.tail  # last: from here on the drain may read it

    def gave(self, record: Record) -> None:
        """Count a record out."""
        if isinstance(record, EventRecord):
            self.events -= 1
        elif record.rank > RANK_OPEN:
            self.spans -= 1
