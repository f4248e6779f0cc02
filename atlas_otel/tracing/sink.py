"""Where an active span's records go: the recorder in force, and whoever follows the steps. The one guard around both.

What a recorder or a subscriber raises is counted (``state.absorbed``) and never reaches the agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.records.record import readable
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from atlas_otel.records.record import EventRecord, SpanRecord
    from atlas_otel.records.recorder import OpenSpan, Recorder


def started(recorder: Recorder, span: OpenSpan, *, durable: bool) -> None:
    """A span began. ``durable``: its open snapshot is recorded at once."""
    try:
        recorder.span_started(span, durable=durable)
    except Exception:
        state.absorbed("recorder")
    if state.listener is not None:
        try:
            state.listener.span_started(span, durable=durable)
        except Exception:
            state.absorbed("subscriber")


def reported(recorder: Recorder, event: EventRecord) -> None:
    """Something was reported on a span."""
    try:
        recorder.event(event)
    except Exception:
        state.absorbed("recorder")
    if state.listener is not None:
        try:
            state.listener.event(event)
        except Exception:
            state.absorbed("subscriber")


def ended(recorder: Recorder, record: SpanRecord) -> None:
    """A span ended."""
    try:
        recorder.span_ended(record)
    except Exception:
        state.absorbed("recorder")
    if state.listener is not None:
        try:
            state.listener.span_ended(readable(record))
        except Exception:
            state.absorbed("subscriber")
