"""Logfire's ``@instrument`` with arguments and return value, in a span, and an exporter that drops what it gets."""

from __future__ import annotations

import logfire
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.peering import Peer
from benchmarks.task import RESULT, Argument, Counting


def prepare(variant: str) -> Peer:
    """The decorator under ``configure`` with nothing but our processor."""
    exporter = Counting()
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(exporter)],
    )

    @logfire.instrument("search", record_return=True)
    def search(argument: Argument) -> str:
        return RESULT

    return Peer(
        "logfire",
        search,
        lambda: exporter.spans,
        exporter.whole,
        around=lambda: logfire.span("invoke_agent"),
        per_round=1,
        settle=logfire.force_flush,
    )
