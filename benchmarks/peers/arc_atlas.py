"""The Atlas SDK's step manager: START and END of a tool, to one subscriber that counts."""

from __future__ import annotations

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # without it the import asks the network

from atlas.runtime.models import IntermediateStep, IntermediateStepPayload, IntermediateStepType, StreamEventData
from atlas.runtime.orchestration.execution_context import ExecutionContextState
from atlas.runtime.orchestration.step_manager import IntermediateStepManager

from benchmarks.peering import Peer
from benchmarks.peers.steps import Steps
from benchmarks.task import RESULT, Argument


def prepare(variant: str) -> Peer:
    """A START and an END for each call."""
    steps: Steps[IntermediateStep] = Steps()
    manager = IntermediateStepManager(ExecutionContextState.get())
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

    return Peer("arc-atlas", call, lambda: steps.seen, steps.whole, per_call=2)
