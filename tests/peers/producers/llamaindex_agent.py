"""LlamaIndex's agent under OpenInference."""

import asyncio

from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider

made = provider()
instrument("openinference.instrumentation.llama_index:LlamaIndexInstrumentor", made)
from llama_index.core.agent.workflow import FunctionAgent  # noqa: E402
from llama_index.llms.openai_like import OpenAILike  # noqa: E402


async def main():
    llm = OpenAILike(
        model="gpt-test",
        api_base=f"{MODEL_URL}/v1",
        api_key="nobody",
        is_chat_model=True,
        is_function_calling_model=True,
    )
    agent = FunctionAgent(name="weather", tools=[get_weather], llm=llm, system_prompt=SYSTEM, streaming=False)
    await agent.run(TASK)


asyncio.run(main())
made.force_flush()
