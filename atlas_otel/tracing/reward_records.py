"""A late reward as records, for whoever writes them to a store himself: the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import NoOpTracer

from atlas_otel.records.recorder import NullRecorder
from atlas_otel.tracing import state
from atlas_otel.tracing.reporting import check_reward, record_reward

if TYPE_CHECKING:
    from atlas_otel.records.record import EventRecord, Record, SpanRecord


class _Kept(NullRecorder):
    def __init__(self) -> None:
        self.records: list[Record] = []

    def span_ended(self, record: SpanRecord) -> None:
        self.records.append(record)

    def event(self, record: EventRecord) -> None:
        self.records.append(record)


def late_reward_records(score: float, **options: Any) -> list[Record]:
    """The records of one late reward, recorded nowhere yet: for whoever writes them to a store himself.

    ``options`` are those of :func:`atlas_otel.record_reward`, ``session_id`` or ``trace_id`` among them. Raises
    UsageError for what that refuses.
    """
    check_reward(score, **{name: options.get(name) for name in ("step", "trace_id", "span_id")})
    kept = _Kept()
    before = state.install(state.Instrumentation(tracer=NoOpTracer(), recorder=kept, records=True))
    try:
        record_reward(score, **options)
    finally:
        state.install(before)
    return kept.records
