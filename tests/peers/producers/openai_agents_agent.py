"""The OpenAI Agents SDK under OpenInference: ``openai_agents_agent.py [responses]``."""

import sys

from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

made = provider()
instrument("openinference.instrumentation.openai_agents:OpenAIAgentsInstrumentor", made)
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool  # noqa: E402
from openai import AsyncOpenAI  # noqa: E402

client = AsyncOpenAI(base_url=f"{MODEL_URL}/v1", api_key="nobody")
kind = OpenAIResponsesModel if "responses" in sys.argv else OpenAIChatCompletionsModel
agent = Agent(name="weather", instructions=SYSTEM, model=kind("gpt-test", client), tools=[function_tool(get_weather)])
Runner.run_sync(agent, TASK)
made.force_flush()
