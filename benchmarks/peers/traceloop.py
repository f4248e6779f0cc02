"""Traceloop's ``@tool`` in a span, with its batch processor and an exporter that drops what it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from opentelemetry import trace
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import tool

from benchmarks.peering import Peer
from benchmarks.task import RESULT, Argument, Counting

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


def prepare(variant: str) -> Peer:
    """The decorator under its own ``init``."""
    exporter = Counting()
    Traceloop.init("bench", exporter=exporter, telemetry_enabled=False, instruments=set())

    @tool(name="search")
    def search(argument: Argument) -> str:
        return RESULT

    provider = trace.get_tracer_provider()
    return Peer(
        "traceloop-sdk",
        search,
        lambda: exporter.spans,
        exporter.whole,
        around=lambda: provider.get_tracer("bench").start_as_current_span("invoke_agent"),
        per_round=1,
        settle=cast("TracerProvider", provider).force_flush,
    )
