"""The reaper's marks: what a span becomes whose process died. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.records.record import RANK_REAPED, STATUS_ERROR, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

ABANDONED: Final = semconv.UNFINISHED_ABANDONED
"""Why a span has no end: its process died (``atlas.unfinished``)."""
ABANDONED_MESSAGE: Final = "abandoned: its process ended before it did"
_INTERNAL: Final = 1


def reaped(span: SpanRecord, last_sign_ns: int) -> SpanRecord:
    """The mark of a span whose process died: failed, ended at the last sign of life that is known.

    It ranks below a real end (``span_record``), so that it does no harm where the end was stored after all, or comes.
    """
    end = max(span.start_ns, last_sign_ns)
    return span._replace(
        end_ns=end,
        status=STATUS_ERROR,
        status_message=ABANDONED_MESSAGE,
        attributes={
            **span.attributes,
            semconv.ATLAS_UNFINISHED: ABANDONED,
            semconv.ERROR_TYPE: ABANDONED,
        },
        rank=RANK_REAPED,
        version=max(span.version, end),
    )


def missing_root(session_key: str, spans: Iterable[SpanRecord], last_sign_ns: int) -> SpanRecord | None:
    """A mark in place of a session's root that never came: over OTLP only ended spans do, so a killed agent's does not.

    It takes the id that the earliest span without a stored parent names as its parent, so that the real root, should
    it come after all, wins over it. None where every span's parent is there, or no session span could be missing.
    """
    held = {span.key: span for span in spans}
    orphans = [
        span
        for span in held.values()
        if span.parent_span_id is not None
        and (span.trace_id, span.parent_span_id) not in held
        and span.kind != "reward"
    ]
    if not orphans:
        return None
    first = min(orphans, key=lambda span: (span.start_ns, span.key))
    assert first.parent_span_id is not None
    root = SpanRecord(
        trace_id=first.trace_id,
        span_id=first.parent_span_id,
        parent_span_id=None,
        session_key=session_key,
        name=f"{semconv.OPERATION_INVOKE_AGENT} {ABANDONED}",
        kind="session",
        span_kind=_INTERNAL,
        start_ns=first.start_ns,
        end_ns=None,
        status=0,
        status_message=None,
        attributes={
            semconv.ATLAS_KIND: "session",
            semconv.ATLAS_SESSION_ID: session_key,
            semconv.GEN_AI_OPERATION_NAME: semconv.OPERATION_INVOKE_AGENT,
        },
        events=(),
        links=(),
        scope=semconv.SCOPE_NAME,
        resource=first.resource,
        rank=RANK_REAPED,
        version=first.start_ns,
    )
    return reaped(root, last_sign_ns)
