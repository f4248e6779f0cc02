"""A reward that comes when its session is over, or from another process: a span of its own that names its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags

from atlas_otel import semconv
from atlas_otel.errors import UsageError
from atlas_otel.events.forms import is_id
from atlas_otel.tracing import state
from atlas_otel.tracing.active_span import ActiveSpan
from atlas_otel.tracing.context import Frame, SessionState
from atlas_otel.tracing.event_text import event_payload, event_shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.records.record import AttributeValue


def record_late(
    payload: Mapping[str, Any],
    shown: Mapping[str, AttributeValue],
    *,
    session_key: str | None,
    trace_id: str | None,
    span_id: str | None,
) -> None:
    """Record a reward for a session named by its key or its trace. Raises UsageError, where what should be a key may
    hold content and that is not to be kept; nothing else.

    The span stands in a trace of its own, linked to its target where both ids are known: the target's trace may be
    closed for its backend.
    """
    parts = state.current()
    if not parts.enabled:
        return
    if parts.capture.redacts and session_key is not None and not is_id(session_key):
        raise UsageError("session_id must be a session's key; the value given is not one")
    try:
        text = event_payload(parts, semconv.EVENT_REWARD, payload)
        shown = event_shown(parts, text, shown)
        attributes: dict[str, AttributeValue] = {semconv.ATLAS_KIND: "reward"}
        named = {
            semconv.ATLAS_SESSION_ID: session_key,
            semconv.ATLAS_TARGET_TRACE_ID: trace_id,
            semconv.ATLAS_TARGET_SPAN_ID: span_id,
        }
        attributes.update({key: value for key, value in named.items() if value is not None})
        session = SessionState(session_key, None) if session_key is not None else None
        active = ActiveSpan(
            parts,
            "reward",
            f"reward {shown.get(semconv.GEN_AI_EVALUATION_NAME, '')}".rstrip(),
            attributes,
            frame=Frame(),
            context=Context(),
            session=session,
        )
        if trace_id is not None and span_id is not None:
            target = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(1))
            active.span.add_link(target)
        active.announce()
        active.report(semconv.EVENT_REWARD, text, shown)
        active.end()
    except Exception:
        state.absorbed("late_reward")
