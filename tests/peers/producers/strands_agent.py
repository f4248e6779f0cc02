"""Strands: its own spans. ``strands_agent.py``; OTEL_SEMCONV_STABILITY_OPT_IN chooses the form."""

from common import MODEL_URL, SYSTEM, TASK, get_weather, provider

provider()
from strands import Agent, tool  # noqa: E402
from strands.models.openai import OpenAIModel  # noqa: E402

model = OpenAIModel(client_args={"base_url": f"{MODEL_URL}/v1", "api_key": "nobody"}, model_id="gpt-test")
agent = Agent(
    model=model, system_prompt=SYSTEM, tools=[tool(get_weather)], name="weather", callback_handler=None,
    trace_attributes={"session.id": "conversation-1"},
)  # fmt: skip
agent(TASK)
