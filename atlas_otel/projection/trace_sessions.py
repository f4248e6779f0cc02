"""Which session each span of a trace belongs to, where the span does not say so itself. Pure.

In this order (the first that answers):

1. the session that the span's own record names;
2. that of its nearest ancestor in the trace that names one;
3. the only session that spans of the trace name;
4. where none of them names any: the trace's *implicit session*, if the trace holds a span of an agent or a model.

A late reward stands in a trace of its own. It counts as a span of the trace that it is for (``atlas.target.trace_id``),
and proves nothing of whose that trace is.

The answer is made from what records name, never from an earlier answer, so that spans may come in any order.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.projection.dialects import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.records.record import SpanRecord

TELLING: Final = frozenset({"agent", "llm", "session"})
"""The kinds of span that make a trace a session. A tool's is none of them: an MCP server or a job that calls tools for
somebody who is not recorded has no task and no answer. Its spans are kept, and join the session of whoever calls it."""


class TraceSpan(NamedTuple):
    """What is needed of a span to place it. ``named``: the session that its own record names."""

    span_id: str
    parent_span_id: str | None
    named: str | None
    reward: bool = False


class TraceSessions:
    """The sessions of one trace."""

    def __init__(self, trace_id: str, spans: Iterable[TraceSpan], *, telling: bool) -> None:
        """``telling``: whether a span is an agent's or a model's; it matters where none names a session."""
        self._spans = {span.span_id: span for span in spans}
        self._found: dict[str, str | None] = {}
        named = {span.named for span in self._spans.values() if span.named is not None and not span.reward}
        self.only: str | None = None
        """The session of whatever is known to belong to the trace and no more: its only one, or the implicit one."""
        if len(named) == 1:
            (self.only,) = named
        elif not named and telling:
            self.only = implicit_session(trace_id)

    def of(self, span_id: str | None) -> str | None:
        """The session of a span of the trace, be it here or not; None where it cannot be told (yet)."""
        passed: list[str] = []
        seen: set[str] = set()
        current: str | None = span_id
        answer = self.only
        while current is not None and current not in seen:  # a cycle, which only a forger makes, ends the walk
            if current in self._found:
                answer = self._found[current]
                break
            seen.add(current)
            passed.append(current)
            span = self._spans.get(current)
            if span is None:
                break
            if span.named is not None:
                answer = span.named
                break
            current = span.parent_span_id
        self._found.update(dict.fromkeys(passed, answer))
        return answer


def implicit_session(trace_id: str) -> str:
    """The key of the session that a trace without any of ours is: the same for every process that works it out."""
    return hashlib.blake2b(trace_id.encode(), digest_size=16, person=b"atlas-implicit").hexdigest()


def is_telling(span: SpanRecord) -> bool:
    """Whether a span is an agent's or a model's, in whatever dialect."""
    return facts_of(span).kind in TELLING


def late_target(span: SpanRecord) -> tuple[str, str | None] | None:
    """Of a late reward that names no session: the trace that it is for, and the span in it where it names one."""
    if span.kind != "reward" or span.session_key is not None:
        return None
    trace_id, span_id = (
        span.attributes.get(key) for key in (semconv.ATLAS_TARGET_TRACE_ID, semconv.ATLAS_TARGET_SPAN_ID)
    )
    if not isinstance(trace_id, str):
        return None
    return trace_id.lower(), span_id.lower() if isinstance(span_id, str) else None
