"""smolagents under OpenInference."""

from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

made = provider()
instrument("openinference.instrumentation.smolagents:SmolagentsInstrumentor", made)
from smolagents import OpenAIModel, ToolCallingAgent, tool  # noqa: E402

model = OpenAIModel("gpt-test", api_base=f"{MODEL_URL}/v1", api_key="nobody")
agent = ToolCallingAgent(tools=[tool(get_weather)], model=model, name="weather", instructions=SYSTEM, verbosity_level=0)
agent.run(TASK)
