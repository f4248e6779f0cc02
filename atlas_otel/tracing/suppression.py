"""Leave calls alone: nothing is recorded of what runs under :func:`suppress_tracing`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context

from atlas_otel.tracing.context import activate, current_context, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

# The key that instrumentations of others obey: ``opentelemetry.instrumentation.utils`` reads it.
_KEY: Final = "suppress_instrumentation"


def suppressed() -> bool:
    """Whether the code that asks runs under suppression, ours or OpenTelemetry's."""
    return bool(current_context().get(_KEY))


@contextmanager
def suppress_tracing() -> Iterator[None]:
    """Record nothing in the block: no span of ours, none of instrumentations that obey OpenTelemetry's suppression.

    Example:
        >>> with atlas.suppress_tracing(), atlas.session("t") as session:
        ...     atlas.get_trace_id() is None
        True
    """
    context = otel_context.set_value(_KEY, True)
    token = activate(context)
    try:
        yield
    finally:
        restore(token, context)
