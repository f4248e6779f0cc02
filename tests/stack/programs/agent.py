"""A pydantic-ai agent with a tool behind HTTP and one behind MCP. Knows of nothing else but its own instrumentation."""

from __future__ import annotations

import asyncio
import os

import requests
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset


def get_population(city: str) -> str:
    """How many people live in a city."""
    answer = requests.get(os.environ["POPULATION_URL"], params={"city": city}, timeout=60)
    answer.raise_for_status()
    return answer.text


async def main() -> None:
    Agent.instrument_all()
    agent = Agent(
        "openai-chat:gpt-test",
        name="travel",
        instructions="Be brief.",
        tools=[get_population],
        toolsets=[MCPToolset(os.environ["WEATHER_URL"])],
    )
    done = await agent.run(os.environ["TASK"])
    print(done.output)


if __name__ == "__main__":
    asyncio.run(main())
