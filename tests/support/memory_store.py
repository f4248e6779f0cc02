"""The store of records in memory: for tests, and for looking at how a store behaves without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlas_otel.errors import RecordError
from atlas_otel.projection.trace_sessions import (
    TraceSessions,
    TraceSpan,
    implicit_session,
    is_telling,
    late_target,
)
from atlas_otel.records.record import EventRecord, RecordSet, SpanRecord, encode_record
from atlas_otel.records.store import PoisonedRecord, Projected, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from atlas_otel.models.rows import ReviewStatus, SessionRow, SessionRows
    from atlas_otel.records.record import Record
    from atlas_otel.records.store import Wanted


class MemoryStore:
    """A :class:`atlas_otel.records.store.Store` in this process' memory; everything is gone with it.

    ``project`` computes a session's rows from its records (default: ``atlas_otel.projection.project.project``).
    """

    def __init__(self, *, project: Callable[[RecordSet], SessionRows | None] | None = None) -> None:
        self._project = project
        self._all = RecordSet()  # as they came: what a trace says of its spans' sessions stands beside
        self._resolved: dict[tuple[str, str] | tuple[str, str, int], str] = {}
        self._dirty_traces: set[str] = set()
        self._implicit: set[str] = set()
        self._dirty: dict[str, None] = {}  # ordered: who has waited longest comes first
        self._rows: dict[str, SessionRows] = {}

    def open(self) -> None:
        """Nothing has to be opened."""

    def check(self) -> None:
        """It takes every record that can be encoded."""

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
                    if held is not None:
                        self._touch(held)
        return WriteResult(len(records) - len(poisoned), tuple(poisoned))

    def project(self, *, limit: int = 100) -> int:
        """Bring the rows of up to ``limit`` dirty sessions up to date; how many were."""
        self._resolve_traces()
        picked = list(self._dirty)[:limit]
        for session in picked:
            del self._dirty[session]
            records = self.records(session)
            rows = (self._project or _default_projection())(records)
            if not records and session in self._implicit:
                self._rows.pop(session, None)
            if rows is not None:
                events = sorted(rows.events, key=lambda event: (event.time_ns, event.key))
                known = self._rows.get(session)
                self._rows[session] = replace(
                    rows, session=_reviewed(rows.session, known.session if known else rows.session), events=events
                )
        return len(picked)

    def project_wanted(self, wanted: Wanted, *, limit: int = 100) -> Projected:
        """All that is dirty, wanted or not: memory holds it anyway."""
        return Projected(self.project(limit=limit))

    def settle(self, traces: Iterable[str]) -> None:
        """Does nothing: here every session whose root has ended counts as over."""

    def mark_dirty(self, sessions: Sequence[str] | None = None) -> int:
        """Have these sessions (None: all) computed again from their records when next projected; how many."""
        self._dirty_traces.update(record.trace_id for record in self._all)
        known = {key for key in map(self._session_of, self._all) if key is not None}
        marked = known if sessions is None else known.intersection(sessions)
        self._dirty.update(dict.fromkeys(sorted(marked)))
        return len(marked)

    def records(self, session: str) -> RecordSet:
        """All records of the session with this key; empty where there are none."""
        return RecordSet(
            record._replace(session_key=session) for record in self._all if self._session_of(record) == session
        )

    def sessions(self) -> list[str]:
        """The keys of all sessions that have rows."""
        return list(self._rows)

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

    def _touch(self, record: Record) -> None:
        key = self._session_of(record)
        if key is not None:
            self._dirty[key] = None
        target = late_target(record) if isinstance(record, SpanRecord) else None
        self._dirty_traces.add(record.trace_id if target is None else target[0])

    def _session_of(self, record: Record) -> str | None:
        return record.session_key if record.session_key is not None else self._resolved.get(record.key)

    def _resolve_traces(self) -> None:
        """Find the sessions of records that name none, in the traces that changed."""
        while self._dirty_traces:
            trace_id = self._dirty_traces.pop()
            spans = [span for span in self._all.spans.values() if span.trace_id == trace_id]
            sessions = TraceSessions(
                trace_id,
                [TraceSpan(s.span_id, s.parent_span_id, s.session_key, s.kind == "reward") for s in spans],
                telling=any(map(is_telling, spans)),
            )
            self._implicit.add(implicit_session(trace_id))
            for span in self._all.spans.values():
                target = late_target(span)
                if target is not None and target[0] == trace_id:
                    self._place(span, sessions.of(target[1]))
                elif target is None and span.trace_id == trace_id:
                    self._place(span, sessions.of(span.span_id))
            for event in self._all.events.values():
                on = self._all.spans.get((event.trace_id, event.span_id))
                if on is not None:
                    self._place(event, self._session_of(on))
                elif event.trace_id == trace_id:
                    self._place(event, sessions.of(event.span_id))

    def _place(self, record: Record, session: str | None) -> None:
        before = self._session_of(record)
        if record.session_key is not None or before == session:
            return
        if session is None:
            del self._resolved[record.key]
        else:
            self._resolved[record.key] = session
        self._dirty.update((key, None) for key in (before, session) if key is not None)

    def _held(self, record: Record) -> Record | None:
        if isinstance(record, EventRecord):
            return self._all.events.get(record.key)
        return self._all.spans.get(record.key)


def _reviewed(row: SessionRow, known: SessionRow) -> SessionRow:
    if known.status == "running" and known.review_status == "pending" and known.review_notes is None:
        return row  # nobody has looked yet: the end of a run may say how its review begins
    return replace(row, review_status=known.review_status, review_notes=known.review_notes)


def _default_projection() -> Callable[[RecordSet], SessionRows | None]:
    from atlas_otel.projection.project import project

    return project
