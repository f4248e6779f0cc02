"""The store of records in memory: for tests, and for looking at how a store behaves without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas_otel.errors import RecordError
from atlas_otel.span_record import EventRecord, RecordSet, encode_record
from atlas_otel.store import PoisonedRecord, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from atlas_otel.models.rows import ReviewStatus, SessionRow, SessionRows
    from atlas_otel.span_record import Record


class MemoryStore:
    """A :class:`atlas_otel.store.Store` in this process' memory; everything is gone with it.

    ``project`` computes a session's rows from its records (default: ``atlas_otel.projection.project``).
    """

    def __init__(self, *, project: Callable[[RecordSet], SessionRows | None] | None = None) -> None:
        self._project = project
        self._all = RecordSet()
        self._dirty: dict[str, None] = {}  # ordered: who has waited longest comes first
        self._rows: dict[str, SessionRows] = {}

    def write(self, records: Sequence[Record]) -> WriteResult:
        """Join ``records`` in, and mark their sessions dirty."""
        poisoned = []
        for record in records:
            try:
                encode_record(record)
            except RecordError as error:
                poisoned.append(PoisonedRecord(record, str(error)))
                continue
            before = self._held(record)
            if self._all.add(record):
                after = self._held(record)
                for held in (before, after):
                    if held is not None and held.session_key is not None:
                        self._dirty[held.session_key] = None
        return WriteResult(len(records) - len(poisoned), tuple(poisoned))

    def project(self, *, limit: int = 100) -> int:
        """Bring the rows of up to ``limit`` dirty sessions up to date; how many were."""
        picked = list(self._dirty)[:limit]
        for session in picked:
            del self._dirty[session]
            rows = (self._project or _default_projection())(self.records(session))
            if rows is not None:
                events = sorted(rows.events, key=lambda event: (event.time_ns, event.key))
                known = self._rows.get(session)
                self._rows[session] = replace(
                    rows, session=_reviewed(rows.session, known.session if known else rows.session), events=events
                )
        return len(picked)

    def mark_dirty(self, sessions: Sequence[str] | None = None) -> int:
        """Have these sessions (None: all) computed again from their records when next projected; how many."""
        known = {record.session_key for record in self._all if record.session_key is not None}
        marked = known if sessions is None else known.intersection(sessions)
        self._dirty.update(dict.fromkeys(sorted(marked)))
        return len(marked)

    def records(self, session: str) -> RecordSet:
        """All records of the session with this key; empty where there are none."""
        return RecordSet(record for record in self._all if record.session_key == session)

    def rows(self, session: str) -> SessionRows | None:
        """The contract rows of the session with this key, as of its last projection."""
        return self._rows.get(session)

    def review(self, session: str, status: ReviewStatus, notes: str | None = None) -> None:
        """Set the review columns of a session, as a reviewer does. KeyError where it has no rows yet."""
        rows = self._rows[session]
        reviewed = replace(rows.session, review_status=status, review_notes=notes)
        self._rows[session] = replace(rows, session=reviewed)

    def close(self) -> None:
        """Does nothing: the records stay."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _held(self, record: Record) -> Record | None:
        if isinstance(record, EventRecord):
            return self._all.events.get(record.key)
        return self._all.spans.get(record.key)


def _reviewed(row: SessionRow, known: SessionRow) -> SessionRow:
    if known.status == "running" and known.review_status == "pending" and known.review_notes is None:
        return row  # nobody has looked yet: the end of a run may say how its review begins
    return replace(row, review_status=known.review_status, review_notes=known.review_notes)


def _default_projection() -> Callable[[RecordSet], SessionRows | None]:
    from atlas_otel.projection import project

    return project
