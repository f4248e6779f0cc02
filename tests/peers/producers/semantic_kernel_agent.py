"""Semantic Kernel: spans, and messages as log records."""

import asyncio
import logging
import os

from common import MODEL_URL, SYSTEM, TASK, get_weather, provider

os.environ["SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"] = "true"
made = provider()
from openai import AsyncOpenAI  # noqa: E402
from opentelemetry._logs import set_logger_provider  # noqa: E402
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: E402
from opentelemetry.sdk._logs import LoggerProvider  # noqa: E402
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: E402

try:
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
except ImportError:
    from opentelemetry.sdk._logs import LoggingHandler

logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
set_logger_provider(logs)
handler = LoggingHandler(logger_provider=logs)
handler.addFilter(logging.Filter("semantic_kernel"))
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)
from semantic_kernel import Kernel  # noqa: E402
from semantic_kernel.agents import ChatCompletionAgent  # noqa: E402
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion  # noqa: E402
from semantic_kernel.functions import kernel_function  # noqa: E402


class Weather:
    @kernel_function(name="get_weather", description="The weather of a city.")
    def get_weather(self, city: str, unit: str) -> str:
        return get_weather(city, unit)


async def main():
    kernel = Kernel()
    client = AsyncOpenAI(base_url=f"{MODEL_URL}/v1", api_key="nobody")
    agent = ChatCompletionAgent(
        kernel=kernel, service=OpenAIChatCompletion("gpt-test", async_client=client), name="weather",
        instructions=SYSTEM, plugins=[Weather()],
    )  # fmt: skip
    await agent.get_response(messages=TASK)


asyncio.run(main())
logs.force_flush()
