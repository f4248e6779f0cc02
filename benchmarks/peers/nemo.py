"""NeMo Agent Toolkit's step manager: START and END of a tool, to one subscriber that counts."""

from __future__ import annotations

from nat.builder.context import Context
from nat.data_models.intermediate_step import (
    IntermediateStep,
    IntermediateStepPayload,
    IntermediateStepType,
    StreamEventData,
)

from benchmarks.peering import Peer
from benchmarks.peers.steps import Steps
from benchmarks.task import RESULT, Argument


def prepare(variant: str) -> Peer:
    """A START and an END for each call."""
    steps: Steps[IntermediateStep] = Steps()
    manager = Context.get().intermediate_step_manager
    manager.subscribe(steps.take)

    def call(argument: Argument) -> None:
        start = IntermediateStepPayload(
            event_type=IntermediateStepType.TOOL_START, name="search", data=StreamEventData(input=argument)
        )
        manager.push_intermediate_step(start)
        end = IntermediateStepPayload(
            event_type=IntermediateStepType.TOOL_END,
            UUID=start.UUID,
            name="search",
            data=StreamEventData(input=argument, output=RESULT),
        )
        manager.push_intermediate_step(end)

    return Peer("nvidia-nat-core", call, lambda: steps.seen, steps.whole, per_call=2)
