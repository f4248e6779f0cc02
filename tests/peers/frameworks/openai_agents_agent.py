"""An agent of the OpenAI Agents SDK that hands over to a second one. Knows of no tracing.

``RESPONSES=1``: over the Responses interface, which is the SDK's default, else over chat completions.
"""

from __future__ import annotations

import os

from agents import Agent, Runner, function_tool, set_default_openai_api


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    if city != "Paris":
        raise ValueError(f"no such city: {city}")
    return "sunny"


def main() -> None:
    if not os.environ.get("RESPONSES"):
        set_default_openai_api("chat_completions")
    weather = Agent(name="weather", instructions="Be brief.", tools=[get_weather], model="gpt-test")
    done = Runner.run_sync(weather, "What is the weather in Paris and in Atlantis?")
    print(done.final_output)


if __name__ == "__main__":
    main()
