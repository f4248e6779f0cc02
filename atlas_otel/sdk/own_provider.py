"""The tracer provider that we make where there is none."""

from __future__ import annotations

import logging
import os
import weakref
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, Tracer, TracerProvider
from opentelemetry.sdk.trace.sampling import DEFAULT_ON

from atlas_otel.sdk.sampler import KeepSessions
from atlas_otel.tracing.ids import AtlasIdGenerator
from atlas_otel.tracing.own_span import OwnSpan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import SpanContext

    from atlas_otel.tracing.ended_span import EndedSpan
    from atlas_otel.tracing.own_span import Export
    from atlas_otel.tracing.span_view import Running, SpanView

_log = logging.getLogger("atlas_otel")

_WIDE: Final = 4_096
"""Attributes and events a span may have, where the user sets no limit: the SDK's 128 drop the oldest first."""
_LIMITS: Final = {
    "max_span_attributes": ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    "max_events": ("OTEL_SPAN_EVENT_COUNT_LIMIT",),
    "max_links": ("OTEL_SPAN_LINK_COUNT_LIMIT",),
}
_LOOKED_AT: Final = (
    "OTEL_TRACES_SAMPLER",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
)
"""What else the user may ask of SDK spans, and only SDK spans do."""


class OwnProvider(TracerProvider):
    """A tracer provider that knows whether anybody but us looks at our spans."""

    def __init__(
        self,
        *,
        sampler: Sampler = DEFAULT_ON,
        resource: Resource | None = None,
        span_limits: SpanLimits | None = None,
        id_generator: IdGenerator | None = None,
        alone: bool = True,
    ) -> None:
        """``alone``: nobody does, until a processor is added."""
        super().__init__(
            sampler=KeepSessions(sampler),
            resource=resource,
            id_generator=id_generator or AtlasIdGenerator(),
            span_limits=span_limits,
            shutdown_on_exit=False,
        )
        self.alone = alone
        """Our spans need not be the SDK's (``own_span``)."""
        self.shown_resource = self.resource
        """What exporters see of the resource: cleaned, where anything is redacted."""
        self._taking: list[Export] = []
        self._given: weakref.WeakKeyDictionary[Tracer, tuple[Any, Any]] = weakref.WeakKeyDictionary()
        self._successor: trace.TracerProvider | None = None

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """A tracer, as the SDK makes it; the successor's, once there is one."""
        if self._successor is not None:
            return self._successor.get_tracer(*args, **kwargs)
        tracer = super().get_tracer(*args, **kwargs)
        if isinstance(tracer, Tracer):
            self._given[tracer] = (args, kwargs)
        return tracer

    def hand_over(self, successor: trace.TracerProvider) -> None:
        """Have every tracer that was given out start its spans at ``successor`` from now on."""
        self._successor = successor
        for tracer, (args, kwargs) in list(self._given.items()):
            tracer.start_span = successor.get_tracer(*args, **kwargs).start_span  # type: ignore[method-assign]

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add somebody's processor: from now on our spans are the SDK's, with all that it promises of them."""
        self.alone = False
        super().add_span_processor(span_processor)

    def add_own(self, processor: SpanProcessor, *, take: Export | None = None) -> None:
        """Add a processor of ours. ``take`` gets our spans as they end; else only those of others pass it."""
        super().add_span_processor(processor)
        if take is not None:
            self._taking.append(take)

    def view(self, active: Running, parent: SpanContext) -> SpanView:
        """The OTel span of an active span, while no other processor is attached."""
        taking = self._taking
        export = None if not taking else taking[0] if len(taking) == 1 else self._export
        return OwnSpan(active, parent, self.id_generator, self.shown_resource, export)

    def _export(self, span: EndedSpan) -> None:
        for take in self._taking:
            take(span)


def choose_provider(
    given: TracerProvider | None, service_name: str | None, *, ahead: bool
) -> tuple[TracerProvider, OwnProvider | None]:
    """The provider to add to; again, where it is ours. ``ahead``: the program, which may set one, has yet to run."""
    if given is not None:
        return given, None
    existing = trace.get_tracer_provider()
    if hasattr(existing, "add_span_processor"):  # the SDK's, or what quacks like it
        return cast("TracerProvider", existing), None
    provider = make_provider(service_name)
    if ahead:
        return provider, provider
    trace.set_tracer_provider(provider)
    if trace.get_tracer_provider() is not provider:  # one that takes no processors was set before
        _log.warning("the global tracer provider takes no span processors: other instrumentations are not recorded")
    return provider, provider


def make_provider(service_name: str | None) -> OwnProvider:
    """Ids that ``random.seed`` does not touch, wide limits, and a sampler that decides only what is exported.

    The environment's sampler (``OTEL_TRACES_SAMPLER``), limits and resource attributes are honoured. Its shutdown is
    ours: the SDK's own would wait for a dead collector for as long as its exporter likes.
    """
    resource = Resource.create({SERVICE_NAME: service_name} if service_name else None)
    limits = {key: _WIDE for key, names in _LIMITS.items() if not any(os.environ.get(name) for name in names)}
    return OwnProvider(
        sampler=_environment_sampler(),
        resource=resource,
        span_limits=SpanLimits(**limits),
        alone=len(limits) == len(_LIMITS) and not any(os.environ.get(name) for name in _LOOKED_AT),
    )


def _environment_sampler() -> Sampler:
    """What ``OTEL_TRACES_SAMPLER`` asks for, as the SDK reads it."""
    if not os.environ.get("OTEL_TRACES_SAMPLER"):
        return DEFAULT_ON
    return TracerProvider(shutdown_on_exit=False).sampler
