"""Which spans of others are recorded where no session of ours encloses them: whole traces of agents and models.

Whether a trace is one shows when the first such span ends. Until then its other spans wait here: a web request around
an agent and the calls below it belong to the tree, a request without any agent is nobody's business.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, TypeVar

from atlas_otel.process import fork
from atlas_otel.sdk.readable import is_gen_ai

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

MAX_TRACES: Final = 1_000
"""How many traces wait at once, and how many are known to be recorded; of those beyond, the ones not heard of for
longest are forgotten."""
MAX_WAITING: Final = 1_000
"""How many spans of one trace wait; the first to end, the innermost, go first."""
_Held = TypeVar("_Held")


class TraceFilter:
    """Takes ended spans, and gives back those to record. Safe for threads."""

    def __init__(self) -> None:
        self._after_fork()
        fork.in_child(self._after_fork)

    def _after_fork(self) -> None:
        """Begin empty: what waits is the parent's to record."""
        self._lock = fork.lock()
        self._waiting: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        # Traces known to be recorded, also after their outermost span: what it left running, or the next request of a
        # caller elsewhere, belongs to them.
        self._recorded: OrderedDict[int, None] = OrderedDict()
        self._let_go: Counter[str] = Counter()

    def ended(self, span: ReadableSpan) -> Sequence[ReadableSpan]:
        """The spans that are to be recorded now that ``span`` has ended, in the order in which they did."""
        ids = span.context
        if ids is None:
            return ()
        trace_id = ids.trace_id
        telling = is_gen_ai(span.attributes)
        # Nothing that waits is to be expected of the trace after its outermost span, or that of this process's part.
        outermost = span.parent is None or span.parent.is_remote
        with self._lock:
            if trace_id in self._recorded:
                self._recorded.move_to_end(trace_id)
                return (span,)
            waiting = self._waiting.pop(trace_id, [])
            if telling:
                _keep(self._recorded, trace_id, None)
                return (*waiting, span)
            waiting.append(span)
            over = len(waiting) if outermost else max(len(waiting) - MAX_WAITING, 0)
            self._let_go.update(map(_scope_of, waiting[:over]))
            if not outermost:
                self._let_go.update(map(_scope_of, _keep(self._waiting, trace_id, waiting[over:]) or ()))
            return ()

    def unrecorded(self) -> Counter[str]:
        """Spans that were not recorded, as no agent's or model's span showed in their traces: how many, by scope."""
        with self._lock:
            waiting = (_scope_of(span) for spans in self._waiting.values() for span in spans)
            return self._let_go + Counter(waiting)


def _keep(traces: OrderedDict[int, _Held], trace_id: int, held: _Held) -> _Held | None:
    """Keep it; what had to go for it comes back."""
    traces[trace_id] = held
    return traces.popitem(last=False)[1] if len(traces) > MAX_TRACES else None


def _scope_of(span: ReadableSpan) -> str:
    return span.instrumentation_scope.name if span.instrumentation_scope is not None else ""
