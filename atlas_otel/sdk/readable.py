"""What the SDK has of a span → :class:`~atlas_otel.records.record.SpanRecord`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from opentelemetry.sdk.trace import ReadableSpan

from atlas_otel import semconv
from atlas_otel.process.clock import plausible_ns
from atlas_otel.projection.unread import is_known, looks_like_a_call
from atlas_otel.records.record import RANK_OPEN, Attributes, SpanEvent, SpanLink, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_gen_ai(attributes: Iterable[str] | None) -> bool:
    """Whether attribute keys are those of an agent's or model's span in any dialect, or of what looks like a model call
    in none: it is kept too."""
    if attributes is None:
        return False
    listed = list(attributes)
    return is_known(listed) or looks_like_a_call(listed)


def is_ours(span: ReadableSpan) -> bool:
    """Whether our own API started the span, in this process or in the one that sent it."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == semconv.SCOPE_NAME


def record_of(
    span: ReadableSpan, *, rank: int, version: int, session_key: str | None = None, resource: Attributes | None = None
) -> SpanRecord:
    """The record of ``span``.

    ``session_key`` where it is known better than by the attribute ``atlas.session.id``; ``resource`` saves a copy
    where the caller has one. Raises ValueError for a span without ids.
    """
    ids = span.context
    if ids is None:
        raise ValueError("a span without a context has no ids")
    attributes = dict(span.attributes or {})
    if session_key is None:
        stamped = attributes.get(semconv.ATLAS_SESSION_ID)
        session_key = stamped if isinstance(stamped, str) else None
    kind = attributes.get(semconv.ATLAS_KIND)
    scope = span.instrumentation_scope
    start = plausible_ns(span.start_time or 0)
    return SpanRecord(
        trace_id=format(ids.trace_id, "032x"),
        span_id=format(ids.span_id, "016x"),
        parent_span_id=format(span.parent.span_id, "016x") if span.parent is not None else None,
        session_key=session_key,
        name=span.name,
        kind=kind if isinstance(kind, str) else None,
        span_kind=span.kind.value,
        start_ns=start,
        end_ns=None if rank == RANK_OPEN else max(plausible_ns(span.end_time or start), start),
        status=span.status.status_code.value,
        status_message=span.status.description,
        attributes=cast("Attributes", attributes),
        events=tuple(
            SpanEvent(event.name, plausible_ns(event.timestamp), cast("Attributes", dict(event.attributes or {})))
            for event in span.events
        ),
        links=tuple(
            SpanLink(
                format(link.context.trace_id, "032x"),
                format(link.context.span_id, "016x"),
                cast("Attributes", dict(link.attributes or {})),
            )
            for link in span.links
        ),
        scope=scope.name if scope is not None else "",
        resource=resource if resource is not None else resource_of(span),
        rank=rank,
        version=plausible_ns(version),
        dropped_attributes=span.dropped_attributes,
        dropped_events=span.dropped_events,
        dropped_links=span.dropped_links,
    )


def resource_of(span: ReadableSpan) -> Attributes:
    """The attributes of the span's resource, as a dict."""
    return cast("Attributes", dict(span.resource.attributes))


def with_fields(span: ReadableSpan, **changed: Any) -> ReadableSpan:
    """A copy of a span in which some fields are others."""
    fields: dict[str, Any] = {
        "name": span.name,
        "context": span.context,
        "parent": span.parent,
        "resource": span.resource,
        "attributes": span.attributes,
        "events": span.events,
        "links": span.links,
        "kind": span.kind,
        "status": span.status,
        "start_time": span.start_time,
        "end_time": span.end_time,
        "instrumentation_scope": span.instrumentation_scope,
    }
    return ReadableSpan(**{**fields, **changed})
