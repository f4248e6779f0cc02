"""CrewAI under instrumentations: ``crewai_agent.py MODULE:CLASS …``."""

import os
import sys

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false", "CREWAI_TESTING": "true"}
from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

made = provider()
for name in sys.argv[1:]:
    instrument(name, made)
from crewai import LLM, Agent, Crew, Task  # noqa: E402
from crewai.tools import tool  # noqa: E402

llm = LLM(model="openai/gpt-4o", base_url=f"{MODEL_URL}/v1", api_key="nobody")
agent = Agent(role="weather", goal=SYSTEM, backstory="None.", llm=llm, tools=[tool("get_weather")(get_weather)])
task = Task(description=TASK, expected_output="One sentence.", agent=agent)
Crew(agents=[agent], tasks=[task]).kickoff()
made.force_flush()
