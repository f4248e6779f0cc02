"""The tracer provider that we make where there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import DEFAULT_ON

from atlas_otel.ids import AtlasIdGenerator
from atlas_otel.sampler import KeepSessions

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

_WIDE: Final = 4_096
"""Attributes and events a span may have, where the user sets no limit: the SDK's 128 drop the oldest first."""
_LIMITS: Final = {
    "max_span_attributes": ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    "max_events": ("OTEL_SPAN_EVENT_COUNT_LIMIT",),
    "max_links": ("OTEL_SPAN_LINK_COUNT_LIMIT",),
}


def make_provider(service_name: str | None) -> TracerProvider:
    """Ids that ``random.seed`` does not touch, wide limits, and a sampler that decides only what is exported.

    The environment's sampler (``OTEL_TRACES_SAMPLER``), limits and resource attributes are honoured. Its shutdown is
    ours: the SDK's own would wait for a dead collector for as long as its exporter likes.
    """
    resource = Resource.create({SERVICE_NAME: service_name} if service_name else None)
    limits = {key: _WIDE for key, names in _LIMITS.items() if not any(os.environ.get(name) for name in names)}
    return TracerProvider(
        sampler=KeepSessions(_environment_sampler()),
        resource=resource,
        id_generator=AtlasIdGenerator(),
        span_limits=SpanLimits(**limits),
        shutdown_on_exit=False,
    )


def _environment_sampler() -> Sampler:
    """What ``OTEL_TRACES_SAMPLER`` asks for, as the SDK reads it."""
    if not os.environ.get("OTEL_TRACES_SAMPLER"):
        return DEFAULT_ON
    return TracerProvider(shutdown_on_exit=False).sampler
