"""AutoGen's agentchat: its own spans, and those of the instrumentations ``MODULE:CLASS …``."""

import asyncio
import sys

from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

made = provider()
for name in sys.argv[1:]:
    instrument(name, made)
from autogen_agentchat.agents import AssistantAgent  # noqa: E402
from autogen_agentchat.teams import RoundRobinGroupChat  # noqa: E402
from autogen_ext.models.openai import OpenAIChatCompletionClient  # noqa: E402


async def main():
    info = {
        "vision": False,
        "function_calling": True,
        "json_output": False,
        "family": "unknown",
        "structured_output": False,
    }
    model = OpenAIChatCompletionClient(model="gpt-test", base_url=f"{MODEL_URL}/v1", api_key="nobody", model_info=info)
    agent = AssistantAgent("weather", model, tools=[get_weather], system_message=SYSTEM, reflect_on_tool_use=True)
    await RoundRobinGroupChat([agent], max_turns=1).run(task=TASK)


asyncio.run(main())
