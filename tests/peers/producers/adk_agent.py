"""Google ADK: its own spans; ``adk_agent.py [stream]``. The model is behind Gemini's interface."""

import asyncio
import os
import sys

from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

os.environ |= {"GOOGLE_API_KEY": "nobody", "GOOGLE_GEMINI_BASE_URL": MODEL_URL}
made = provider()
for name in sys.argv[1:]:
    if ":" in name:
        instrument(name, made)
from google.adk.agents import LlmAgent, RunConfig  # noqa: E402
from google.adk.agents.run_config import StreamingMode  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402


def weather_of(city: str, unit: str) -> dict:
    """The weather of a city."""
    try:
        return {"result": get_weather(city, unit)}
    except LookupError as error:
        return {"error": str(error)}


weather_of.__name__ = "get_weather"


async def main():
    agent = LlmAgent(name="weather", model="gemini-test", instruction=SYSTEM, tools=[weather_of])
    runner = InMemoryRunner(agent=agent, app_name="weather")
    session = await runner.session_service.create_session(app_name="weather", user_id="u", session_id="conversation-1")
    message = types.Content(role="user", parts=[types.Part(text=TASK)])
    config = RunConfig(streaming_mode=StreamingMode.SSE if "stream" in sys.argv else StreamingMode.NONE)
    async for _ in runner.run_async(user_id="u", session_id=session.id, new_message=message, run_config=config):
        pass


asyncio.run(main())
made.force_flush()
