"""Every unit test begins with nothing in force, whatever an earlier one left current."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import context as otel_context
from opentelemetry.context import Context


@pytest.fixture(autouse=True)
def _nothing_in_force() -> Iterator[None]:
    token = otel_context.attach(Context())
    yield
    otel_context.detach(token)
