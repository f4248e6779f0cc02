"""Every unit test begins with nothing in force, whatever an earlier one left current, and leaves nothing configured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context

from atlas_otel.tracing import state


@pytest.fixture(autouse=True)
def _nothing_in_force() -> Iterator[None]:
    token = otel_context.attach(Context())
    before = state.current()
    yield
    otel_context.detach(token)
    assert state.current() is before, "this test leaves another configuration in force"
    # OpenTelemetry's provider is set once and for all: the tests after this one would record into it.
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider), "configure() takes a process of its own"
