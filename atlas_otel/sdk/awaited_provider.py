"""A program that sets its own tracer provider is waited for: ours is the global one only where one is needed first.

``trace.set_tracer_provider`` takes one provider for good. Recording starts before the program does, so a provider of
ours set then would have the program's refused, and with it every span that its own backend is to show. So:

- until the first span is started through OpenTelemetry's API no provider is set;
- the program's, set before that, is adopted, as ``configure`` adopts one that it finds;
- the program's, set later, takes our place, and the tracers that we gave out hand their spans to it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from atlas_otel.process import fork
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import SpanProcessor

    from atlas_otel.sdk.own_provider import OwnProvider

_log = logging.getLogger("atlas_otel")


def add_processor(provider: trace.TracerProvider, processor: SpanProcessor) -> None:
    """Add a processor, and take nothing away: a provider's own ``add_span_processor`` may, as Phoenix's does.

    Raises AttributeError for a provider that takes none.
    """
    if isinstance(provider, TracerProvider):
        TracerProvider.add_span_processor(provider, processor)
    else:
        cast("Any", provider).add_span_processor(processor)


class AwaitedProvider:
    """Stands by for the program's provider, in place of ``trace.set_tracer_provider``."""

    def __init__(self, own: OwnProvider, adopt: Callable[[trace.TracerProvider], None]) -> None:
        """``adopt`` is told of each provider that takes spans; what it raises is counted."""
        self._own = own
        self._adopt = adopt
        self._lock = fork.lock()
        self._set = trace.set_tracer_provider
        self._here = threading.local()
        self.refused: list[str] = []
        """The classes of providers that were set and take no processors: their spans are not recorded."""

    def stand_by(self) -> None:
        """From now on."""
        trace.set_tracer_provider = self._set_by_program
        proxied = trace.ProxyTracer._tracer.fget  # type: ignore[attr-defined]

        def tracer(proxy: Any) -> Any:
            if trace._TRACER_PROVIDER is None:
                self._claim()
            return proxied(proxy)

        trace.ProxyTracer._tracer = property(tracer)  # type: ignore[assignment,method-assign]

    def _claim(self) -> None:
        """Nobody has set one, and a span is about to start."""
        with self._lock:
            if trace._TRACER_PROVIDER is None:
                self._set(self._own)

    def _set_by_program(self, tracer_provider: trace.TracerProvider) -> None:
        """Stands for ``trace.set_tracer_provider``."""
        with self._lock:
            ours = trace._TRACER_PROVIDER is self._own
            if ours:
                trace._TRACER_PROVIDER = tracer_provider
            else:
                self._set(tracer_provider)
            if trace._TRACER_PROVIDER is not tracer_provider or tracer_provider is self._own:
                return  # refused by OpenTelemetry, which has said so
        try:
            if hasattr(tracer_provider, "add_span_processor"):
                self._adopt(tracer_provider)
                self._own.hand_over(tracer_provider)
            else:
                self.refused.append(type(tracer_provider).__qualname__)
        except Exception:  # the program's own set-up goes on
            state.absorbed("adopt")
            _log.warning("the tracer provider that the program set cannot be recorded from", exc_info=True)
