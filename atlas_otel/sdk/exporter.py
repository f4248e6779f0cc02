"""The span exporter that ``OTEL_TRACES_EXPORTER=otlp,atlas`` finds by name.

It sees finished, sampled spans only, and none while it runs; the span processor sees all of them. Content settings come
from the environment, as ``configure`` reads them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from atlas_otel import semconv
from atlas_otel.process import fork
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.records.packing import unpack_events
from atlas_otel.records.record import RANK_ENDED, RANK_ENDED_OTLP, SpanRecord
from atlas_otel.sdk.readable import is_ours, record_of
from atlas_otel.sdk.trace_filter import TraceFilter
from atlas_otel.tracing import state
from atlas_otel.view.undone import as_recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from atlas_otel.capture.capture import Capture
    from atlas_otel.postgres.storage import Storage
    from atlas_otel.records.record import EventRecord


class AtlasSpanExporter(SpanExporter):
    """Writes the spans of agents and models into the database that ``ATLAS_OTEL_DATABASE_URL`` names.

    Runs on the batch processor's thread. A batch is exported once the journal has it: the spool's files, or (with
    ``ATLAS_OTEL_DURABILITY=memory``) its queue. Without a database every export fails, and one line says so.
    """

    def __init__(self) -> None:
        self._lock = fork.lock()
        self._parts: tuple[Storage, Capture] | None = None
        self._down = False
        self._filter = TraceFilter()
        self._log = QuietLog("atlas_otel.exporter")
        self.failed = 0
        """How many spans were not exported."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Journal the traces of agents and models; FAILURE where any of it was not taken."""
        try:
            parts = self._open()
        except Exception as error:  # a guest in the batch processor's thread: it must go on
            self._log.warning("cannot export spans: %s", error)
            parts = None
        if parts is None:
            self.failed += len(spans)
            return SpanExportResult.FAILURE
        storage, capture = parts
        before = storage.accounts.snapshot().spans.lost
        failed = 0
        for span in spans:
            for kept in (span,) if is_ours(span) else self._filter.ended(span):
                try:
                    record = _record(kept, capture)
                except Exception:  # fails closed: a span that cannot be sanitised is not stored
                    state.absorbed("export")
                    failed += 1
                    continue
                record, events = _unpacked(record) if is_ours(kept) else (record, [])
                storage.recorder.span_found(record)
                for event in events:
                    storage.recorder.event(event)
        failed += storage.accounts.snapshot().spans.lost - before
        self.failed += failed
        return SpanExportResult.FAILURE if failed else SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until what was exported is stored; whether it is."""
        parts = self._parts
        return parts is None or parts[0].drain.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Store what there is, for two seconds at most. Idempotent."""
        self._down = True
        if self._parts is not None:
            self._parts[0].drain.shutdown()

    def _open(self) -> tuple[Storage, Capture] | None:
        with self._lock:
            if self._down:
                return None
            if self._parts is None:
                from atlas_otel import settings
                from atlas_otel.capture.capture import Capture
                from atlas_otel.errors import ConfigError
                from atlas_otel.postgres.storage import open_storage

                in_force = settings.resolve({}, os.environ)
                if in_force.database_url is None:
                    raise ConfigError("set ATLAS_OTEL_DATABASE_URL to the database that spans are to go to")
                self._parts = (open_storage(in_force), Capture.from_settings(in_force, on_loss=state.absorbed))
            return self._parts


def _unpacked(span: SpanRecord) -> tuple[SpanRecord, list[EventRecord]]:
    """A span of ours without the events that it carries packed, and these: what its own process reported."""
    packed = span.attributes.get(semconv.ATLAS_EVENTS)
    if not isinstance(packed, str):
        return span, []
    events, whole = unpack_events(packed, *span.key, span.session_key)
    if not whole:  # a span limit has cut it
        return span, []
    rest = {name: value for name, value in span.attributes.items() if name != semconv.ATLAS_EVENTS}
    return span._replace(attributes=rest), events


def _record(span: ReadableSpan, capture: Capture) -> SpanRecord:
    from atlas_otel.capture.privacy import sanitize_span

    # Of a span of ours the scope itself may have stored a better record: span limits have been at this one.
    rank = RANK_ENDED_OTLP if is_ours(span) else RANK_ENDED
    found = record_of(span, rank=rank, version=span.end_time or 0)
    return sanitize_span(found._replace(attributes=as_recorded(found.attributes)), capture)
