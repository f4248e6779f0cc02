"""A pydantic-ai agent, streamed, with its own instrumentation switched on. Knows of nothing else."""

from __future__ import annotations

import asyncio

from pydantic_ai import Agent, ModelRetry


async def main() -> None:
    Agent.instrument_all()
    agent = Agent("openai-chat:gpt-test", name="weather", instructions="Be brief.")

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather in a city."""
        if city != "Paris":
            raise ModelRetry(f"no such city: {city}")
        return "sunny"

    async with agent.run_stream("What is the weather in Paris and in Atlantis?") as streamed:
        print(await streamed.get_output())


if __name__ == "__main__":
    asyncio.run(main())
