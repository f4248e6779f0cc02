"""Microsoft's Agent Framework: its own spans, over chat completions or ``responses``."""

import asyncio
import sys

from common import MODEL_URL, SYSTEM, TASK, get_weather, provider

provider()
import agent_framework.observability as observability  # noqa: E402
from agent_framework import Agent  # noqa: E402
from agent_framework import openai as models  # noqa: E402

enable = getattr(observability, "enable_instrumentation", None)
enable(enable_sensitive_data=True)
kind = models.OpenAIChatClient if "responses" in sys.argv else models.OpenAIChatCompletionClient


async def main():
    client = kind(model="gpt-test", base_url=f"{MODEL_URL}/v1", api_key="nobody")
    agent = Agent(client=client, name="weather", instructions=SYSTEM, tools=[get_weather])
    await agent.run(TASK)


asyncio.run(main())
