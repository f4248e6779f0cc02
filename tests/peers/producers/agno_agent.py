"""Agno under OpenInference."""

from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

made = provider()
instrument("openinference.instrumentation.agno:AgnoInstrumentor", made)
from agno.agent import Agent  # noqa: E402
from agno.models.openai.like import OpenAILike  # noqa: E402

model = OpenAILike(id="gpt-test", base_url=f"{MODEL_URL}/v1", api_key="nobody")
agent = Agent(
    model=model, name="weather", instructions=SYSTEM, tools=[get_weather], session_id="conversation-1", telemetry=False
)
agent.run(TASK)
made.force_flush()
