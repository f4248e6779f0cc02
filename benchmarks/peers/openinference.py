"""OpenInference's ``@tracer.tool`` in a span, with a batch processor whose exporter drops what it gets."""

from __future__ import annotations

from openinference.instrumentation import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.peering import Peer
from benchmarks.task import RESULT, Argument, Counting


def prepare(variant: str) -> Peer:
    """The decorator of its own tracer."""
    exporter = Counting()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("bench")

    @tracer.tool
    def search(argument: Argument) -> str:
        return RESULT

    return Peer(
        "openinference-instrumentation",
        search,
        lambda: exporter.spans,
        exporter.whole,
        around=lambda: tracer.start_as_current_span("invoke_agent"),
        per_round=1,
        settle=provider.force_flush,
    )
