"""A pipeline of Haystack under OpenInference, which sees components but not what an Agent calls in itself."""

import os

from common import MODEL_URL, SYSTEM, TASK, get_weather, instrument, provider, run

os.environ["OPENAI_API_KEY"] = "nobody"
made = provider()
instrument("openinference.instrumentation.haystack:HaystackInstrumentor", made)
from haystack import Pipeline  # noqa: E402
from haystack.components.generators.chat import OpenAIChatGenerator  # noqa: E402
from haystack.dataclasses import ChatMessage  # noqa: E402
from haystack.tools import create_tool_from_function  # noqa: E402

tool = create_tool_from_function(get_weather)
pipeline = Pipeline()
pipeline.add_component("llm", OpenAIChatGenerator(model="gpt-test", api_base_url=f"{MODEL_URL}/v1", tools=[tool]))
messages = [ChatMessage.from_system(SYSTEM), ChatMessage.from_user(TASK)]
with run():
    while True:
        (reply,) = pipeline.run({"llm": {"messages": messages}})["llm"]["replies"]
        messages.append(reply)
        if not reply.tool_calls:
            break
        for call in reply.tool_calls:
            try:
                said, failed = tool.invoke(**call.arguments), False
            except Exception as error:
                said, failed = str(error), True
            messages.append(ChatMessage.from_tool(said, origin=call, error=failed))
