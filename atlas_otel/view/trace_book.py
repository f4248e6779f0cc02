"""What spans of a trace tell about those around them, which end later: tokens, prompt, tools, the session. Pure.

A sender sees spans in the order in which they end, so a session's root comes behind its model calls. What it was told
is kept for a bounded number of traces, and of spans in each.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.projection.trace_sessions import TELLING, implicit_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.records.record import AttributeValue

MAX_BYTES: Final = 32 * 1_048_576
"""Of all that is kept; the traces not heard of for longest go first."""
MAX_SPANS: Final = 20_000
"""Of one trace: what comes beyond is not counted."""
_SPAN_BYTES: Final = 500


class Ended(NamedTuple):
    """What the book keeps of a span. ``cost``: US dollars, None where it is not known."""

    span_id: str
    parent: str | None
    kind: str
    session: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    priced: bool = False
    """Whether a price was looked for."""
    system: str | None = None
    tools: str | None = None
    actor: str | None = None
    start_ns: int = 0

    @property
    def spends(self) -> bool:
        """Whether it says what it used."""
        return self.kind == "llm" and (self.input_tokens is not None or self.output_tokens is not None)


class TraceBook:
    """The traces that a sender has seen spans of. Not safe for threads: one sends."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._traces: OrderedDict[str, dict[str, Ended]] = OrderedDict()
        self._texts: dict[str, dict[str, str]] = {}
        """By trace: prompts and tools, each once, however many calls have them."""
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def note(self, trace_id: str, span: Ended) -> None:
        """A span has ended."""
        held = self._traces.setdefault(trace_id, {})
        self._traces.move_to_end(trace_id)
        if len(held) < MAX_SPANS:
            held[span.span_id] = span._replace(
                system=self._shared(trace_id, span.system), tools=self._shared(trace_id, span.tools)
            )
            self._grow(trace_id, _SPAN_BYTES)
        while self._bytes > self._max_bytes and len(self._traces) > 1:
            self.forget(next(iter(self._traces)))

    def forget(self, trace_id: str) -> None:
        """Nothing more is to be asked of a trace."""
        self._traces.pop(trace_id, None)
        self._texts.pop(trace_id, None)
        self._bytes -= self._sizes.pop(trace_id, 0)

    def _shared(self, trace_id: str, text: str | None) -> str | None:
        """The text, as the trace has it already; None for one that alone would take more than a trace may."""
        if text is None:
            return None
        known = self._texts.setdefault(trace_id, {})
        if text not in known:
            if self._sizes.get(trace_id, 0) + len(text) > self._max_bytes // 2:
                return None
            known[text] = text
            self._grow(trace_id, len(text))
        return known[text]

    def _grow(self, trace_id: str, size: int) -> None:
        self._sizes[trace_id] = self._sizes.get(trace_id, 0) + size
        self._bytes += size

    def about(self, trace_id: str, span: Ended) -> dict[str, AttributeValue]:
        """What the spans below an agent's or a session's span say of it. It has been noted."""
        below = list(self._calls_below(trace_id, span))
        found: dict[str, AttributeValue] = {}
        first = min((call for call in below if call.system or call.tools), key=lambda c: c.start_ns, default=None)
        if first is not None:
            if first.system:
                found[semconv.GEN_AI_SYSTEM_INSTRUCTIONS] = first.system
            if first.tools:
                found[semconv.GEN_AI_TOOL_DEFINITIONS] = first.tools
        if span.kind == "session":
            found.update(_totals([call for call in self._innermost(trace_id, span) if call.actor is None]))
        return found

    def session_of(self, trace_id: str) -> str | None:
        """The session that a trace is: the only one that its spans name, else its own where it holds an agent's or a
        model's span."""
        held = self._traces.get(trace_id, {}).values()
        named = {span.session for span in held if span.session is not None}
        if len(named) == 1:
            return named.pop()
        return implicit_session(trace_id) if not named and any(span.kind in TELLING for span in held) else None

    def _calls_below(self, trace_id: str, above: Ended) -> Iterator[Ended]:
        """The model calls whose nearest agent is ``above``."""
        for span in self._traces.get(trace_id, {}).values():
            if span.kind == "llm" and span.actor is None:
                nearest = next((one for one in self._above(trace_id, span) if one.kind in ("agent", "session")), None)
                if nearest is not None and nearest.span_id == above.span_id:
                    yield span

    def _innermost(self, trace_id: str, session: Ended) -> list[Ended]:
        """The model calls of a session that say what they used, without those whose use others below them say."""
        calls, said_below = {}, set()
        for span in self._traces.get(trace_id, {}).values():
            if not span.spends:
                continue
            for one in self._above(trace_id, span):
                if one.spends:
                    said_below.add(one.span_id)
                if one.kind == "session":
                    if one.span_id == session.span_id:
                        calls[span.span_id] = span
                    break
        return [span for key, span in calls.items() if key not in said_below]

    def _above(self, trace_id: str, span: Ended) -> Iterator[Ended]:
        held, seen = self._traces[trace_id], {span.span_id}
        parent = span.parent
        while parent is not None and parent not in seen and (found := held.get(parent)) is not None:
            seen.add(parent)
            yield found
            parent = found.parent


def _totals(calls: list[Ended]) -> dict[str, AttributeValue]:
    if not calls:
        return {}
    found: dict[str, AttributeValue] = {
        semconv.GEN_AI_USAGE_INPUT_TOKENS: sum(call.input_tokens or 0 for call in calls),
        semconv.GEN_AI_USAGE_OUTPUT_TOKENS: sum(call.output_tokens or 0 for call in calls),
    }
    costs = [call.cost for call in calls if call.cost is not None]
    if costs:
        found[semconv.ATLAS_COST_USD] = round(sum(costs), 9)
    if unknown := sum(call.priced and call.cost is None for call in calls):
        found[semconv.ATLAS_COST_UNKNOWN_CALLS] = unknown
    return found
