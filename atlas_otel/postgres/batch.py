"""A batch of records, merged, in the order in which writers lock their rows."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import orjson

from atlas_otel.postgres import rows
from atlas_otel.process.yielding import yielding
from atlas_otel.projection.trace_sessions import late_target
from atlas_otel.records.record import RANK_ENDED, EventRecord, RecordSet, SpanRecord
from atlas_otel.records.store import PoisonedRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlas_otel.records.record import Record


Owner: TypeAlias = "tuple[str, str]"
"""``session`` and its key, or ``trace`` and its id."""


def owner_of(record: Record) -> Owner:
    """What a deletion knows a record by: its session, where it names one, else its trace."""
    return ("trace", record.trace_id) if record.session_key is None else ("session", record.session_key)


class MergedBatch(NamedTuple):
    """Merged records, in the order of their keys: two writers that meet in the same rows lock them in one order."""

    spans: Sequence[SpanRecord]
    events: Sequence[EventRecord]

    @property
    def session_keys(self) -> list[str]:
        """The sessions that are named, in order."""
        keys = {span.session_key for span in self.spans} | {event.session_key for event in self.events}
        return sorted(key for key in keys if key is not None)

    @property
    def traces(self) -> dict[str, bool]:
        """The traces that are written to, in order; whether something in each, or for it, names no session."""
        records = self.records
        watched = {record.trace_id for record in records if record.session_key is None}
        watched.update(target for _, (target, _) in self.late_rewards)
        return {trace_id: trace_id in watched for trace_id in sorted({one.trace_id for one in records} | watched)}

    @property
    def late_rewards(self) -> list[tuple[SpanRecord, tuple[str, str | None]]]:
        """Rewards that name a trace and no session, each with its target."""
        return [(span, target) for span in self.spans if (target := late_target(span)) is not None]

    @property
    def owners(self) -> set[Owner]:
        """What a deletion knows the records by; late rewards by their target, too."""
        return {owner_of(record) for record in self.records} | {
            ("trace", target) for _, (target, _) in self.late_rewards
        }

    def without(self, owners: frozenset[Owner]) -> MergedBatch:
        """The batch without the records that belong to these."""
        late = {span.key for span, (target, _) in self.late_rewards if ("trace", target) in owners}

        def stays(record: Record) -> bool:
            of_late = record.session_key is None and (record.trace_id, record.span_id) in late
            return not of_late and owner_of(record) not in owners

        return MergedBatch([span for span in self.spans if stays(span)], [one for one in self.events if stays(one)])

    @property
    def records(self) -> list[Record]:
        """The records of the batch."""
        return [*self.spans, *self.events]


def plain() -> MergedBatch:
    """A span and an event that nothing is wrong with, of a session of their own."""
    trace_id, span_id, session = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(16)
    now = time.time_ns()
    text = {"text": "plain: caf\u00e9, 東京, 1e3"}
    span = SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=None,
        session_key=session,
        name="check",
        kind=None,
        span_kind=0,
        start_ns=now,
        end_ns=now,
        status=0,
        status_message=None,
        attributes=text,
        events=(),
        links=(),
        scope="check",
        resource={},
        rank=RANK_ENDED,
        version=now,
    )
    return MergedBatch([span], [EventRecord(trace_id, span_id, now, session, "check", orjson.dumps(text).decode())])


def merged(records: Iterable[Record]) -> tuple[MergedBatch, list[PoisonedRecord]]:
    """Merge ``records``; those that cannot be compared, since they cannot be encoded, come back beside."""
    joined, refused = RecordSet(), []
    for record in yielding(records):
        try:
            joined.add(record)
        except rows.UNREPRESENTABLE as error:
            refused.append(_refused(record, error))
    return _ordered(joined), refused


def sifted(batch: MergedBatch) -> tuple[MergedBatch, list[PoisonedRecord]]:
    """The batch without those records that cannot become a row; these, each with the reason."""
    fit, refused = RecordSet(), []
    resources = rows.ResourceEncoder()
    for record in batch.records:
        try:
            if isinstance(record, SpanRecord):
                rows.span_to_copy(record, resources, None)
            else:
                rows.event_to_copy(record, None)
        except rows.UNREPRESENTABLE as error:
            refused.append(_refused(record, error))
        else:
            fit.add(record)
    return _ordered(fit), refused


def halves(batch: MergedBatch) -> tuple[MergedBatch, MergedBatch]:
    """Two batches of half the records each."""
    spans, events = len(batch.spans), len(batch.events)
    middle = (spans + events) // 2
    at = min(middle, spans), max(0, middle - spans)
    return MergedBatch(batch.spans[: at[0]], batch.events[: at[1]]), MergedBatch(
        batch.spans[at[0] :], batch.events[at[1] :]
    )


def _ordered(records: RecordSet) -> MergedBatch:
    return MergedBatch(
        [span for _, span in sorted(records.spans.items())], [e for _, e in sorted(records.events.items())]
    )


def _refused(record: Record, error: BaseException) -> PoisonedRecord:
    return PoisonedRecord(record, f"{type(error).__name__}: {error}")
