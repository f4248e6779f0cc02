"""Records straight into a lake: what ``collect --lake`` writes through instead of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.errors import AtlasOtelError, RecordError, RetryableStoreError, UnavailableStoreError
from atlas_otel.lake import schema
from atlas_otel.lake.maintenance import expire_snapshots
from atlas_otel.lake.sessions import read_sessions
from atlas_otel.lake.table import Lake
from atlas_otel.postgres.batch import MergedBatch, merged, plain
from atlas_otel.projection.project import project
from atlas_otel.records.record import EventRecord, RecordSet
from atlas_otel.records.store import PoisonedRecord, Projected, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from atlas_otel.lake.location import Location
    from atlas_otel.lake.schema import Row
    from atlas_otel.models.rows import SessionRows
    from atlas_otel.records.record import Record
    from atlas_otel.records.store import Wanted

_EXPIRED_EVERY = 200
"""Commits after which this writer lets go of old snapshots: else each makes the next one's metadata larger."""


class LakeStore:
    """A :class:`atlas_otel.records.store.Store` in a lake. It projects nothing: a build does.

    Every write is one commit a table, so let many records come together. What cannot be kept goes to ``set_aside``;
    what was deleted is let go.
    """

    def __init__(self, location: Location, set_aside: Callable[[Sequence[PoisonedRecord]], None]) -> None:
        self._lake = Lake(location)
        self._set_aside = set_aside
        self._opened = False
        self._tombstones: frozenset[tuple[str, str]] = frozenset()
        self._tombstones_of: int | None = None
        self._commits = 0

    def open(self) -> None:
        """Open the lake, or make it. Raises UnavailableStoreError, which says why."""
        if self._opened:
            return
        try:
            self._lake.open(create=True)
        except AtlasOtelError as error:
            raise UnavailableStoreError(str(error), retryable=isinstance(error, RetryableStoreError)) from error
        self._opened = True

    def check(self) -> None:
        """Make rows of a record that nothing is wrong with, and look at the tables. Raises UnavailableStoreError."""
        self.open()
        _rows_of(plain().records)
        self._lake.refresh()

    def write(self, records: Sequence[Record]) -> WriteResult:
        """Append the records, merged; those that cannot be kept are set aside and the others written."""
        self.open()
        batch, poisoned = merged(records)
        batch = self._without_deleted(batch)
        rows, refused = _rows_of(batch.records)
        poisoned += refused
        self._lake.append_rows(rows)
        if poisoned:
            self._set_aside(poisoned)
        self._commits += 1
        if self._commits % _EXPIRED_EVERY == 0:
            expire_snapshots(self._lake)
        return WriteResult(len(records) - len(poisoned), tuple(poisoned))

    def _without_deleted(self, batch: MergedBatch) -> MergedBatch:
        self._lake.refresh()
        snapshot = self._lake.snapshots()[schema.TOMBSTONES]
        if snapshot != self._tombstones_of:
            self._tombstones, self._tombstones_of = self._lake.tombstones(), snapshot
        return batch.without(self._tombstones) if self._tombstones else batch

    def project(self, *, limit: int = 100) -> int:
        """Nothing: rows are made by a build."""
        return 0

    def project_wanted(self, wanted: Wanted, *, limit: int = 100) -> Projected:
        """Nothing, as :meth:`project`."""
        return Projected(0)

    def settle(self, traces: Iterable[str]) -> None:
        """Nothing: in a lake no session waits."""

    def records(self, session: str) -> RecordSet:
        """All records of the session with this key; empty where there are none."""
        self.open()
        self._lake.refresh()
        return read_sessions(self._lake, [session]).get(session, RecordSet())

    def rows(self, session: str) -> SessionRows | None:
        """The contract's rows of the session, computed."""
        return project(self.records(session))

    def close(self) -> None:
        """Let go of the lake. Idempotent; the next call opens it again."""
        self._lake.close()
        self._opened = False
        self._tombstones_of = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rows_of(records: Iterable[Record]) -> tuple[dict[str, list[Row]], list[PoisonedRecord]]:
    rows: dict[str, list[Row]] = {schema.SPAN_EVENTS: [], schema.SPANS: []}
    refused: list[PoisonedRecord] = []
    for record in records:
        try:
            if isinstance(record, EventRecord):
                rows[schema.SPAN_EVENTS].append(schema.event_to_row(record))
            else:
                rows[schema.SPANS].append(schema.span_to_row(record))
        except RecordError as error:
            refused.append(PoisonedRecord(record, str(error)))
    return rows, refused
