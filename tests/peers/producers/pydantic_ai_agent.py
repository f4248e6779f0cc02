"""pydantic-ai: its own spans."""

from common import MODEL_URL, SYSTEM, TASK, get_weather, provider

provider()
from pydantic_ai import Agent, ModelRetry  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402

Agent.instrument_all()
model = OpenAIChatModel("gpt-test", provider=OpenAIProvider(base_url=f"{MODEL_URL}/v1", api_key="nobody"))
agent = Agent(model, name="weather", instructions=SYSTEM)


@agent.tool_plain(name="get_weather")
def weather(city: str, unit: str) -> str:
    """The weather of a city."""
    try:
        return get_weather(city, unit)
    except LookupError as error:
        raise ModelRetry(str(error)) from None


agent.run_sync(TASK)
