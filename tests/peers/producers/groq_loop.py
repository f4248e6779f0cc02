"""Groq's SDK under OpenInference."""

import json

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

instrument("openinference.instrumentation.groq:GroqInstrumentor", provider())
from groq import Groq  # noqa: E402

client = Groq(api_key="nobody", base_url=MODEL_URL)
messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
with run():
    while True:
        message = (
            client.chat.completions.create(model="groq-test", messages=messages, tools=OPENAI_TOOLS).choices[0].message
        )
        messages.append(message.to_dict())
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            said, _ = called(json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
