"""Haystack: its own tracing, with content."""

import os

from common import MODEL_URL, SYSTEM, TASK, get_weather, provider

os.environ |= {"OPENAI_API_KEY": "nobody", "HAYSTACK_CONTENT_TRACING_ENABLED": "true"}
made = provider()
from haystack import Pipeline, tracing  # noqa: E402
from haystack.components.agents import Agent  # noqa: E402
from haystack.components.generators.chat import OpenAIChatGenerator  # noqa: E402
from haystack.dataclasses import ChatMessage  # noqa: E402
from haystack.tools import create_tool_from_function  # noqa: E402

if True:
    from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer
    from opentelemetry import trace

    tracing.enable_tracing(OpenTelemetryTracer(trace.get_tracer("haystack")))
generator = OpenAIChatGenerator(model="gpt-test", api_base_url=f"{MODEL_URL}/v1")
agent = Agent(
    chat_generator=generator, tools=[create_tool_from_function(get_weather)], system_prompt=SYSTEM,
    raise_on_tool_invocation_failure=False,
)  # fmt: skip
pipeline = Pipeline()
pipeline.add_component("agent", agent)
pipeline.run({"agent": {"messages": [ChatMessage.from_user(TASK)]}})
