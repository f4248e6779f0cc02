"""Leave calls alone: nothing is recorded of what runs under :func:`suppress_tracing`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context

from atlas_otel.context import activate, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

# The key that instrumentations of others obey: ``opentelemetry.instrumentation.utils`` reads it.
_SUPPRESSION_KEYS: Final = ("suppress_instrumentation",)


def suppressed() -> bool:
    """Whether the code that asks runs under suppression, ours or OpenTelemetry's."""
    context = otel_context.get_current()
    return any(bool(context.get(key)) for key in _SUPPRESSION_KEYS)


@contextmanager
def suppress_tracing() -> Iterator[None]:
    """Record nothing in the block: no span of ours, none of instrumentations that obey OpenTelemetry's suppression."""
    context = otel_context.get_current()
    for key in _SUPPRESSION_KEYS:
        context = otel_context.set_value(key, True, context)
    token = activate(context)
    try:
        yield
    finally:
        restore(token)
