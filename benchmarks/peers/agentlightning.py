"""Agent Lightning's ``@operation`` under its own OpenTelemetry tracer; with the variant ``store``, into its store.

Without one it keeps the spans in a list; its in-memory store takes each span before the call returns.
"""

from __future__ import annotations

import asyncio

import agentlightning
from agentlightning.emitter.annotation import operation
from agentlightning.store.memory import InMemoryLightningStore
from agentlightning.tracer.otel import OtelTracer

from benchmarks.peering import Peer
from benchmarks.task import RESULT, Argument, holds_task


def prepare(variant: str) -> Peer:
    """The decorator inside of a trace that stays open."""
    agentlightning.setup_logging("ERROR")
    loop = asyncio.new_event_loop()
    tracer = OtelTracer()
    if variant == "store":
        store = InMemoryLightningStore()
        tracer.init_worker(0, store)
        rollout = loop.run_until_complete(store.start_rollout(input="bench"))
        context = tracer.trace_context("bench", rollout_id=rollout.rollout_id, attempt_id=rollout.attempt.attempt_id)
    else:
        tracer.init_worker(0)
        context = tracer.trace_context("bench")
    loop.run_until_complete(context.__aenter__())

    @operation
    def search(argument: Argument) -> str:
        return RESULT

    def whole() -> bool:
        return holds_task(str(tracer.get_last_trace()[-1].attributes))

    return Peer("agentlightning", search, lambda: len(tracer.get_last_trace()), whole)
