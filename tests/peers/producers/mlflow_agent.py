"""MLflow's tracing with its autologging of the openai SDK, exported over OTLP."""

import json
import sys

import mlflow
from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, get_weather

mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.openai.autolog()
from openai import OpenAI  # noqa: E402

client = OpenAI(base_url=f"{MODEL_URL}/v1", api_key="nobody")
tool = mlflow.trace(get_weather, span_type="TOOL")


@mlflow.trace(span_type="AGENT")
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


weather(TASK)
mlflow.flush_trace_async_logging()
sys.exit()
