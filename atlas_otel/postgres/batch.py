"""A batch of records, encoded for COPY: after this nothing about them can fail but at the server. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.postgres import rows
from atlas_otel.span_record import RecordSet
from atlas_otel.store import PoisonedRecord
from atlas_otel.trace_sessions import late_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlas_otel.span_record import EventRecord, Record, SpanRecord


class EncodedSpan(NamedTuple):
    """A span as a row in the binary COPY format, but for its last field, the revision."""

    record: SpanRecord
    data: bytes


class EncodedEvent(NamedTuple):
    """The same of an event."""

    record: EventRecord
    data: bytes


class Batch(NamedTuple):
    """Merged records, in the order of their keys: two writers that meet in the same rows lock them in one order."""

    spans: Sequence[EncodedSpan]
    events: Sequence[EncodedEvent]
    session_keys: Sequence[str]
    resources: dict[bytes, bytes]

    @property
    def traces(self) -> dict[str, bool]:
        """The traces that are written to, in order; whether something in each, or for it, names no session."""
        traces: dict[str, bool] = {}
        for record in self.records:
            traces[record.trace_id] = traces.get(record.trace_id, False) or record.session_key is None
        for _, (target, _) in self.late_rewards:
            traces[target] = True
        return dict(sorted(traces.items()))

    @property
    def late_rewards(self) -> list[tuple[SpanRecord, tuple[str, str | None]]]:
        """Rewards that name a trace and no session, each with its target."""
        return [(span.record, target) for span in self.spans if (target := late_target(span.record)) is not None]

    @property
    def records(self) -> list[Record]:
        """The records of the batch."""
        return [*(span.record for span in self.spans), *(event.record for event in self.events)]


def encode(records: Iterable[Record]) -> tuple[Batch, list[PoisonedRecord]]:
    """Merge and encode ``records``; those that cannot become a row come back beside, with the reason."""
    merged, refused = RecordSet(), []
    for record in records:
        try:
            merged.add(record)
        except rows.UNREPRESENTABLE as error:
            refused.append(_refused(record, error))
    resources = rows.ResourceEncoder()
    spans: list[EncodedSpan] = []
    events: list[EncodedEvent] = []
    for _, span in sorted(merged.spans.items()):
        try:
            spans.append(EncodedSpan(span, rows.span_to_copy(rows.to_span_row(span, resources))))
        except rows.UNREPRESENTABLE as error:
            refused.append(_refused(span, error))
    for _, event in sorted(merged.events.items()):
        try:
            events.append(EncodedEvent(event, rows.event_to_copy(rows.to_event_row(event))))
        except rows.UNREPRESENTABLE as error:
            refused.append(_refused(event, error))
    keys = {span.record.session_key for span in spans} | {event.record.session_key for event in events}
    return Batch(spans, events, sorted(key for key in keys if key is not None), resources.encoded), refused


def _refused(record: Record, error: BaseException) -> PoisonedRecord:
    return PoisonedRecord(record, f"{type(error).__name__}: {error}")
