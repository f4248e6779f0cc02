"""An agent of the OpenAI Agents SDK that knows nothing of atlas-otel; `atlas-otel exec` records it.

    pip install 'atlas-otel[embedded]' openai-agents openinference-instrumentation-openai-agents
    ATLAS_OTEL_DATABASE_URL=embedded atlas-otel exec -- python examples/frameworks/openai_agents_agent.py

Without a key, start model_server.py first.
"""

from __future__ import annotations

from agents import Agent, Runner, function_tool, set_default_openai_api

set_default_openai_api("chat_completions")  # model_server.py knows this interface only


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return "sunny" if city == "Paris" else "unknown"


if __name__ == "__main__":
    weather = Agent(name="weather", instructions="Be brief.", tools=[get_weather], model="gpt-5-mini")
    print(Runner.run_sync(weather, "What is the weather in Paris?").final_output)
