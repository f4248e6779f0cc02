"""Spans on their way over OTLP: what a Collector that is away costs is counted, and said once a minute.

The record in Postgres does not go this way; Jaeger's view of the run does.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, cast

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from atlas_otel.process import fork
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.tracing.ended_span import EndedSpan
from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_LOGGERS: Final = (
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
"""Where the SDK's batching and its exporters complain: a line for every attempt, several a second with a full queue."""
_LONGEST: Final = 300
_said: Final = QuietLog("atlas_otel.otlp")
_here: Final = threading.local()


class _OnceAMinute(logging.Filter):
    """What is said while spans of ours are sent becomes a line a minute; what others' exporters say stays as it is."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(_here, "sending", False):
            return True
        if record.levelno >= logging.WARNING:
            _said.warning("spans on their way to the Collector: %s", record.getMessage()[:_LONGEST])
        return False


_once_a_minute: Final = _OnceAMinute()


class OtlpSender(BatchSpanProcessor):
    """The SDK's batching before an OTLP exporter, with accounts: what was handed over, and what a Collector took.

    ``OTEL_BSP_*`` bound the queue, the batches and the delay. A full queue drops its oldest spans, and an exporter
    gives up after ``OTEL_EXPORTER_OTLP_TIMEOUT``: the difference of the two numbers is what waits or was lost on this
    way. A forked child counts its own.
    """

    handed: int
    """How many sampled spans were given to the queue."""
    sent: int
    """How many of them a Collector took."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._begin()
        fork.in_child(self._begin)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_once_a_minute)  # the same filter is added once
        super().__init__(_Counting(exporter, self))

    def _begin(self) -> None:
        self._lock = fork.lock()
        self.handed = 0
        self.sent = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span that has ended; never waits."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._queue(span)

    def take(self, span: EndedSpan) -> None:
        """The same with a sampled span of ours, of which the sending thread makes what is sent."""
        self._queue(span)

    def _queue(self, span: ReadableSpan | EndedSpan) -> None:
        with self._lock:
            self.handed += 1
        _here.sending = True
        try:
            super().on_end(cast("ReadableSpan", span))  # of which it asks for the context
        finally:
            _here.sending = False


def _readable(spans: Sequence[ReadableSpan | EndedSpan]) -> list[ReadableSpan]:
    """The spans of a batch; of ours, those that can be made."""
    made = []
    for span in spans:
        if isinstance(span, EndedSpan):
            try:
                made.append(span.readable())
            except Exception:  # a value that no span may hold
                absorbed("export")
        else:
            made.append(span)
    return made


class _Counting(SpanExporter):
    """Counts what was taken. The SDK calls it from one thread at a time."""

    def __init__(self, exporter: SpanExporter, sender: OtlpSender) -> None:
        self._exporter = exporter
        self._sender = sender

    def export(self, spans: Sequence[ReadableSpan | EndedSpan]) -> SpanExportResult:
        _here.sending = True
        try:
            made = _readable(spans)
            result = self._exporter.export(made)
        finally:
            _here.sending = False
        if result is SpanExportResult.SUCCESS:
            self._sender.sent += len(made)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
