"""Which spans of others are recorded where no session of ours encloses them: whole traces of agents and models.

Whether a trace is one shows when the first such span ends. Until then its other spans wait here: a web request around
an agent and the calls below it belong to the tree, a request without any agent is nobody's business.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from atlas_otel import fork
from atlas_otel.readable import is_gen_ai

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

MAX_TRACES: Final = 1_000
"""How many traces are watched at once; of those beyond, the ones not heard of for longest are forgotten."""
MAX_WAITING: Final = 1_000
"""How many spans of one trace wait; the first to end, the innermost, go first."""


class TraceFilter:
    """Takes ended spans, and gives back those to record. Safe for threads."""

    def __init__(self) -> None:
        self._after_fork()
        fork.in_child(self._after_fork)

    def _after_fork(self) -> None:
        """Begin empty: what waits is the parent's to record."""
        self._lock = threading.RLock()
        # A trace's waiting spans; None once it is known to be recorded.
        self._traces: OrderedDict[int, list[ReadableSpan] | None] = OrderedDict()

    def ended(self, span: ReadableSpan) -> Sequence[ReadableSpan]:
        """The spans that are to be recorded now that ``span`` has ended, in the order in which they did."""
        ids = span.context
        if ids is None:
            return ()
        telling = is_gen_ai(span.attributes)
        # Its end is the last that this process sees of the trace, or of its part of it.
        outermost = span.parent is None or span.parent.is_remote
        with self._lock:
            waiting = self._traces.pop(ids.trace_id, [])
            if waiting is None:
                if not outermost:
                    self._keep(ids.trace_id, None)
                return (span,)
            if telling:
                if not outermost:
                    self._keep(ids.trace_id, None)
                return (*waiting, span)
            if not outermost:
                del waiting[: max(len(waiting) + 1 - MAX_WAITING, 0)]
                waiting.append(span)
                self._keep(ids.trace_id, waiting)
            return ()

    def _keep(self, trace_id: int, waiting: list[ReadableSpan] | None) -> None:
        self._traces[trace_id] = waiting
        if len(self._traces) > MAX_TRACES:
            self._traces.popitem(last=False)
