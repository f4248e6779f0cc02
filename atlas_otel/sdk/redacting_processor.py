"""What stands before every processor that gets spans from us: it sees other instrumentations' spans redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, Status

from atlas_otel import semconv
from atlas_otel.capture.privacy import sanitize_resource, sanitize_span
from atlas_otel.records.record import RANK_ENDED
from atlas_otel.sdk.readable import is_ours, record_of, with_fields
from atlas_otel.tracing.span_view import ending
from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span as SdkSpan
    from opentelemetry.trace import SpanContext
    from opentelemetry.util.types import Attributes

    from atlas_otel.capture.capture import Capture
    from atlas_otel.records.record import SpanRecord


class RedactingProcessor(SpanProcessor):
    """Passes on what a processor may see. Our own spans are redacted when they are captured; those of others here.

    The resource is cleaned on both. What the processor raises is counted and goes no further.
    """

    def __init__(self, processor: SpanProcessor, capture: Capture) -> None:
        self._processor = processor
        self._capture = capture
        self._redacts = capture.redacts
        self._resource: tuple[Resource, Resource] | None = None

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Pass the span on as it starts, or a redacted view of it."""
        try:
            self._processor.on_start(self._view(span), parent_context)
        except Exception:  # a guest's processor
            absorbed("span_processor")

    def _on_ending(self, span: SdkSpan) -> None:
        try:
            self._processor._on_ending(self._view(span))
        except Exception:  # a guest's processor
            absorbed("span_processor")

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on the span, or a redacted copy of it; nothing where redacting fails."""
        try:
            self._processor.on_end(self._clean(span))
        except Exception:  # a guest's processor
            absorbed("span_processor")

    def shutdown(self) -> None:
        """Shut the processor down."""
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the processor."""
        return self._processor.force_flush(timeout_millis)

    def _view(self, span: SdkSpan) -> Any:
        if (not self._redacts or is_ours(span)) and self._clean_resource(span.resource) is span.resource:
            return span
        return RedactedView(span, self._clean)

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        resource = self._clean_resource(span.resource)
        if self._redacts:
            return self._copy(span, resource)
        if resource is span.resource:
            return span
        return with_fields(span, resource=resource)

    def _clean_resource(self, resource: Resource) -> Resource:
        """The resource with only what may pass; the very same one where that is all of it."""
        known = self._resource
        if known is None or known[0] is not resource:
            known = self._resource = (resource, cleaned(resource, self._capture))
        return known[1]

    def _copy(self, span: ReadableSpan, resource: Resource) -> ReadableSpan:
        seen = record_of(span, rank=RANK_ENDED, version=0, resource={})
        known = ending(*seen.key) if is_ours(span) else None
        clean = sanitize_span(seen, self._capture) if known is None else self._clean_own(seen, *known)
        return with_fields(
            span,
            name=clean.name,
            resource=resource,
            attributes=clean.attributes,
            events=[Event(e.name, dict(e.attributes), e.time_ns) for e in clean.events],
            links=[
                Link(link.context, dict(kept.attributes)) for link, kept in zip(span.links, clean.links, strict=False)
            ],
            status=Status(span.status.status_code, clean.status_message),
            instrumentation_scope=self._clean_scope(span.instrumentation_scope),
        )

    def _clean_own(self, seen: SpanRecord, record: SpanRecord, mirrored: Set[int]) -> SpanRecord:
        """A span of ours as its record has it: what we wrote was redacted then, and is not shown to a redactor again;
        what others wrote stands in the record as far as it may pass."""
        capture, held = self._capture, record.attributes
        own_events = {event.time_ns: event for event in record.events}
        name, message = record.name, record.status_message
        if capture.content and seen.name != name:
            name = capture.redacted(seen.name, "span.name")
        if capture.content and seen.status_message is not None and seen.status_message != message:
            message = capture.redacted(seen.status_message, "span.status")
        return record._replace(
            name=name,
            status_message=message,
            attributes={
                key: value if key not in held or _same(value, held[key]) else held[key]
                for key, value in seen.attributes.items()
                if key in held or key == semconv.ATLAS_EVENTS
            },
            events=tuple(
                event if event.time_ns in mirrored else own_events[event.time_ns]
                for event in seen.events
                if event.time_ns in mirrored or event.time_ns in own_events
            ),
            links=tuple(link._replace(attributes=capture.attributes(link.attributes, "link")) for link in seen.links),
        )

    def _clean_scope(self, scope: InstrumentationScope | None) -> InstrumentationScope | None:
        """The scope; of its attributes, what may pass."""
        if scope is None or not scope.attributes:
            return scope
        kept: Any = self._capture.attributes(dict(scope.attributes), "scope")
        return InstrumentationScope(scope.name, scope.version, scope.schema_url, kept)


class RedactedView(ReadableSpan, Span):
    """A running span of others as a processor of ours may see it: what it reads is redacted, what it sets is set."""

    def __init__(self, span: SdkSpan, clean: Callable[[ReadableSpan], ReadableSpan]) -> None:
        # ReadableSpan's own fields stay unset: whatever is read comes from a clean copy of the span as it is now.
        self._span = span
        self._clean_copy = clean

    def __getattr__(self, name: str) -> Any:
        """The private fields that ReadableSpan's methods (``to_json``, …) read."""
        if name in ("_span", "_clean_copy"):
            raise AttributeError(name)
        return getattr(self._clean_copy(self._span._readable_span()), name)

    def _readable_span(self) -> ReadableSpan:
        return self._clean_copy(self._span._readable_span())

    def get_span_context(self) -> SpanContext:
        """The span's ids."""
        return self._span.get_span_context()

    def is_recording(self) -> bool:
        """Whether it has not ended."""
        return self._span.is_recording()

    def set_attribute(self, key: str, value: Any) -> None:
        """Set it on the span itself."""
        self._span.set_attribute(key, value)

    def set_attributes(self, attributes: Any) -> None:
        """Set them on the span itself."""
        self._span.set_attributes(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add it to the span itself."""
        self._span.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Add it to the span itself."""
        self._span.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Rename the span itself."""
        self._span.update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set it on the span itself."""
        self._span.set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Record it on the span itself."""
        self._span.record_exception(exception, attributes, timestamp, escaped)

    def end(self, end_time: int | None = None) -> None:
        """End the span itself."""
        self._span.end(end_time)

    @property
    def dropped_attributes(self) -> int:
        """As the span says."""
        return self._span.dropped_attributes

    @property
    def dropped_events(self) -> int:
        """As the span says."""
        return self._span.dropped_events

    @property
    def dropped_links(self) -> int:
        """As the span says."""
        return self._span.dropped_links


def cleaned(resource: Resource, capture: Capture) -> Resource:
    """The resource with only what ``capture`` lets pass; the very same one where that is all of it."""
    held: Any = dict(resource.attributes)
    kept: Any = sanitize_resource(held, capture)
    return resource if kept == held else Resource(kept, resource.schema_url)


def _same(shown: object, held: object) -> bool:
    """Whether a span shows a value of its record, perhaps cut by the provider's limits."""
    if isinstance(shown, str) and isinstance(held, str):
        return held.startswith(shown)
    return shown == held or (isinstance(shown, tuple) and isinstance(held, (list, tuple)) and list(shown) == list(held))
