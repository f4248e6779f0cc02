"""Langfuse's ``@observe`` in an observation, with its span processor and an exporter that drops what it gets."""

from __future__ import annotations

from langfuse import Langfuse, observe

from benchmarks.peering import Peer
from benchmarks.task import RESULT, Argument, Counting


def prepare(variant: str) -> Peer:
    """The decorator under a client of its own."""
    exporter = Counting()
    client = Langfuse(
        public_key="pk-bench", secret_key="sk-bench", base_url="http://127.0.0.1:9", span_exporter=exporter
    )

    @observe(as_type="tool")
    def search(argument: Argument) -> str:
        return RESULT

    return Peer(
        "langfuse",
        search,
        lambda: exporter.spans,
        exporter.whole,
        around=lambda: client.start_as_current_observation(name="invoke_agent"),
        per_round=1,
        settle=client.flush,
    )
