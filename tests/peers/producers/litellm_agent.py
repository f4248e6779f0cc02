"""LiteLLM's own OpenTelemetry callback, or another instrumentation of it: ``litellm_agent.py [MODULE:CLASS]``."""

import json
import sys

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

made = provider()
import litellm  # noqa: E402

if len(sys.argv) > 1:
    instrument(sys.argv[1], made)
else:
    litellm.callbacks = ["otel"]
messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
with run():
    while True:
        answer = litellm.completion(
            model="openai/gpt-test", api_base=f"{MODEL_URL}/v1", api_key="nobody", messages=messages, tools=OPENAI_TOOLS
        )
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            said, _ = called(json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
import time  # noqa: E402

time.sleep(2)  # its callbacks run on a thread that nothing waits for
made.force_flush()
