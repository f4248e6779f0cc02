"""Cohere's SDK under OpenLLMetry."""

import json

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

instrument("opentelemetry.instrumentation.cohere:CohereInstrumentor", provider())
import cohere  # noqa: E402

client = cohere.ClientV2(api_key="nobody", base_url=MODEL_URL)
messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
with run():
    while True:
        message = client.chat(model="cohere-test", messages=messages, tools=OPENAI_TOOLS).message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            said, _ = called(json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
