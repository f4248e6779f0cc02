"""Mistral's SDK under OpenInference."""

import json

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

instrument("openinference.instrumentation.mistralai:MistralAIInstrumentor", provider())
try:
    from mistralai import Mistral
except ImportError:
    from mistralai.client import Mistral

client = Mistral(api_key="nobody", server_url=MODEL_URL)
messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
with run():
    while True:
        message = client.chat.complete(model="mistral-test", messages=messages, tools=OPENAI_TOOLS).choices[0].message
        messages.append(message.model_dump(exclude_none=True, mode="json"))
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            said, _ = called(json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "name": "get_weather", "content": said})
