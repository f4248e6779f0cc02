"""What stands before every processor that gets spans from us: it sees other instrumentations' spans redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.trace import Link, Status

from atlas_otel import semconv
from atlas_otel.privacy import sanitize_span
from atlas_otel.readable import record_of
from atlas_otel.span_record import RANK_ENDED
from atlas_otel.state import absorbed

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from atlas_otel.capture import Capture


class RedactingProcessor(SpanProcessor):
    """Passes on what a processor may see. Our own spans are redacted when they are captured; those of others here.

    What the processor raises is counted and goes no further.
    """

    def __init__(self, processor: SpanProcessor, capture: Capture) -> None:
        self._processor = processor
        self._capture = capture
        self._redacts = capture.redacts

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass the span on as it starts."""
        try:
            self._processor.on_start(span, parent_context)
        except Exception:  # a guest's processor
            absorbed("span_processor")

    def _on_ending(self, span: Span) -> None:
        try:
            self._processor._on_ending(span)
        except Exception:  # a guest's processor
            absorbed("span_processor")

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on the span, or a redacted copy of it; nothing where redacting fails."""
        try:
            self._processor.on_end(self._copy(span) if self._redacts and not _ours(span) else span)
        except Exception:  # a guest's processor
            absorbed("span_processor")

    def shutdown(self) -> None:
        """Shut the processor down."""
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the processor."""
        return self._processor.force_flush(timeout_millis)

    def _copy(self, span: ReadableSpan) -> ReadableSpan:
        clean = sanitize_span(record_of(span, rank=RANK_ENDED, version=0), self._capture)
        attributes: Any = clean.attributes
        return ReadableSpan(
            name=clean.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=[Event(e.name, dict(e.attributes), e.time_ns) for e in clean.events],
            links=[
                Link(link.context, dict(kept.attributes)) for link, kept in zip(span.links, clean.links, strict=False)
            ],
            kind=span.kind,
            status=Status(span.status.status_code, clean.status_message),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


def _ours(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name == semconv.SCOPE_NAME
