"""An agent of NeMo Agent Toolkit under our bridge: run in its own environment, as ``nemo_agent.py OUTPUT``.

Its steps, as its own subscribers get them, go to OUTPUT as JSON lines.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from nat.builder.context import Context
from nat.builder.framework_enum import LLMFrameworkEnum
from nat.data_models.intermediate_step import (
    IntermediateStepPayload,
    IntermediateStepType,
    StreamEventData,
    TTCEventData,
    UsageInfo,
)
from nat.data_models.token_usage import TokenUsageBaseModel

import atlas_otel as atlas
from atlas_otel.bridges import nemo

Type = IntermediateStepType


@atlas.tool
def count(word: str) -> int:
    """Ours, in the midst of theirs."""
    return len(word)


async def call_model(context: Context, number: int) -> None:
    manager = context.intermediate_step_manager
    uuid = f"llm-{number}"
    asked = StreamEventData(input=f"question {number}")
    common = {"name": "scripted", "UUID": uuid, "framework": LLMFrameworkEnum.LANGCHAIN}
    manager.push_intermediate_step(IntermediateStepPayload(event_type=Type.LLM_START, data=asked, **common))
    await asyncio.sleep(0)
    for part in ("an ", "answer"):
        chunk = StreamEventData(chunk=part)
        manager.push_intermediate_step(IntermediateStepPayload(event_type=Type.LLM_NEW_TOKEN, data=chunk, **common))
    used = UsageInfo(
        token_usage=TokenUsageBaseModel(prompt_tokens=5, completion_tokens=2, total_tokens=7), num_llm_calls=1
    )
    answer = StreamEventData(output="an answer", payload={"raw": [1, 2]})
    manager.push_intermediate_step(
        IntermediateStepPayload(event_type=Type.LLM_END, data=answer, usage_info=used, **common)
    )


async def work(context: Context) -> None:
    manager = context.intermediate_step_manager
    begin = StreamEventData(input="Count the letters")
    manager.push_intermediate_step(
        IntermediateStepPayload(event_type=Type.WORKFLOW_START, UUID="w", name="counter", data=begin)
    )
    with context.push_active_function("plan", input_data={"n": 3}) as function:
        count("abc")
        scored = TTCEventData(input="a", turn_id="t1", turn_index=0, score=0.5)
        manager.push_intermediate_step(
            IntermediateStepPayload(event_type=Type.TTC_START, UUID="ttc", name="search", data=scored)
        )
        manager.push_intermediate_step(
            IntermediateStepPayload(event_type=Type.TTC_END, UUID="ttc", name="search", data=scored)
        )
        await asyncio.gather(*(call_model(Context(context._context_state), number) for number in range(3)))
        function.set_output("three")
    manager.push_intermediate_step(
        IntermediateStepPayload(
            event_type=Type.WORKFLOW_END, UUID="w", name="counter", data=StreamEventData(output="Three letters.")
        )
    )


async def main() -> None:
    atlas.configure("nemo-bridge")
    context = Context.get()
    seen: list[str] = []
    context.intermediate_step_manager.subscribe(lambda step: seen.append(step.model_dump_json()))
    with nemo.bridge(context.intermediate_step_manager):
        await work(context)
    atlas.shutdown()
    Path(sys.argv[1]).write_text("\n".join(seen), encoding="utf-8")


asyncio.run(main())
