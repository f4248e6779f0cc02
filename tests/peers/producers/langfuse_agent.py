"""The Langfuse SDK: its observations, and its openai integration."""

import json
import os

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, get_weather

os.environ |= {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
from langfuse import Langfuse, observe, propagate_attributes
from langfuse.openai import OpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

langfuse = Langfuse(base_url=MODEL_URL, span_exporter=OTLPSpanExporter())
client = OpenAI(base_url=f"{MODEL_URL}/v1", api_key="nobody")
tool = observe(as_type="tool")(get_weather)


@observe(as_type="agent")
def weather(task):
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}]
    while True:
        answer = client.chat.completions.create(model="gpt-test", messages=messages, tools=OPENAI_TOOLS)
        message = answer.choices[0].message
        messages.append(message.to_dict())
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            try:
                said = tool(**json.loads(call.function.arguments))
            except LookupError as error:
                said = str(error)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})


with propagate_attributes(session_id="conversation-1", user_id="u"):
    weather(TASK)
langfuse.flush()
