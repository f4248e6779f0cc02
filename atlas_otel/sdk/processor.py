"""The span processor: spans of other instrumentations become records, as our own do by their scopes.

Inside a session every span is kept; outside, only the traces of agents and models. Nothing here raises into the agent.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import SpanProcessor

from atlas_otel import semconv
from atlas_otel.process import fork
from atlas_otel.projection.unread import cause_of, is_unread
from atlas_otel.records.record import RANK_ENDED, RANK_OPEN, SpanRecord
from atlas_otel.sdk.readable import is_ours, record_of, resource_of
from atlas_otel.sdk.trace_filter import TraceFilter
from atlas_otel.tracing import state
from atlas_otel.tracing.context import current_frame, session_key_of, step_of

if TYPE_CHECKING:
    from collections import Counter

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from atlas_otel.capture.capture import Capture
    from atlas_otel.records.record import Attributes
    from atlas_otel.records.recorder import Recorder

MAX_RUNNING: Final = 100_000
"""How many foreign spans may run at once in sessions; of those beyond, the oldest are forgotten: never ended ones."""
WITHHELD: Final = "[withheld]"
"""The name of a span whose sanitising failed: nothing of its content is kept, only its place in the tree."""


class AtlasSpanProcessor(SpanProcessor):
    """Hands spans that our own API did not start to a recorder.

    ``direct``: the API's scopes hand theirs over themselves, so they are left out here.
    """

    def __init__(self, recorder: Recorder, capture: Capture, *, direct: bool = True) -> None:
        self._recorder = recorder
        self._capture = capture
        self._direct = direct
        self._running: dict[tuple[int, int], _Running] = {}
        self._filter = TraceFilter()
        self._resource: tuple[object, Attributes] | None = None
        self._down = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp the span with the session and step in force, and show it while it runs."""
        try:
            if self._down or (self._direct and is_ours(span)):
                return
            session = session_key_of(parent_context)
            if session is None:
                return
            span.set_attribute(semconv.ATLAS_SESSION_ID, session)
            known = current_frame(parent_context).session
            if known is not None and known.over:
                span.set_attribute(semconv.ATLAS_AFTER_SESSION, True)
                state.absorbed("after_session")
            step = step_of(parent_context)
            if step is not None:
                span.set_attribute(semconv.ATLAS_STEP_ID, step.step)
                span.set_attribute(semconv.ATLAS_STEP_ATTEMPT, step.number)
            running = _Running(self, span, session)
            ids = span.get_span_context()
            self._running[ids.trace_id, ids.span_id] = running
            if len(self._running) > MAX_RUNNING:
                self._running.pop(next(iter(self._running)), None)
            self._recorder.span_started(running, durable=False)
        except Exception:  # the agent comes first
            state.absorbed("on_start")

    def on_end(self, span: ReadableSpan) -> None:
        """Record the span, if it is one to keep."""
        try:
            ids = span.context
            if ids is None or (self._direct and is_ours(span)):
                return
            running = self._running.pop((ids.trace_id, ids.span_id), None)
            if running is None:
                for other in () if self._down else self._filter.ended(span):
                    self._recorder.span_started(_Running(self, None, None), durable=False)
                    self._recorder.span_ended(self.record(other, RANK_ENDED, other.end_time or 0, None))
                return
            running.ended = True
            if running.generation != fork.generation():
                self._recorder.span_forked()
                return
            self._recorder.span_ended(self.record(span, RANK_ENDED, span.end_time or 0, running.session))
        except Exception:  # the agent comes first
            state.absorbed("on_end")

    def record(self, span: ReadableSpan, rank: int, version: int, session: str | None) -> SpanRecord:
        """The sanitised record of a span. Where sanitising fails, one without content."""
        from atlas_otel.capture.privacy import sanitize_span

        record = record_of(span, rank=rank, version=version, session_key=session, resource=self._resource_of(span))
        if rank == RANK_ENDED and is_unread(record.attributes):
            state.absorbed(cause_of(record.scope))
        try:
            return sanitize_span(record, self._capture)
        except Exception:  # fails closed
            state.absorbed("sanitize")
            return record._replace(name=WITHHELD, status_message=None, attributes={}, events=(), links=())

    def unrecorded(self) -> Counter[str]:
        """Spans outside sessions that were not recorded, as no agent or model showed in their traces: by scope."""
        return self._filter.unrecorded()

    def shutdown(self) -> None:
        """Take no further spans; those that run are recorded when they end, as long as the journal takes them.

        Threads go on while a process ends. Of the sessions that they begin then nothing else is recorded either.
        """
        self._down = True

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held here; ``Telemetry.flush`` waits for the store."""
        return True

    def _resource_of(self, span: ReadableSpan) -> Attributes:
        known = self._resource
        if known is None or known[0] is not span.resource:
            known = self._resource = (span.resource, resource_of(span))
        return known[1]


class _Running:
    """A foreign span while it runs (``recorder.OpenSpan``)."""

    __slots__ = ("__weakref__", "_processor", "_span", "ended", "generation", "session")

    def __init__(self, processor: AtlasSpanProcessor, span: Span | None, session: str | None) -> None:
        self._processor = processor
        self._span = weakref.ref(span) if span is not None else None
        self.session = session
        self.ended = span is None
        self.generation = fork.generation()

    def snapshot(self) -> SpanRecord | None:
        """The span as it is now; None once it has ended."""
        span = self._span() if self._span is not None else None
        if self.ended or span is None:
            return None
        # The SDK's own copy, taken under the span's lock: attributes may be set meanwhile.
        readable = span._readable_span()
        return self._processor.record(readable, RANK_OPEN, time.time_ns(), self.session)
