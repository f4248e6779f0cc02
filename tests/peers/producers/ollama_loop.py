"""Ollama's client under OpenLLMetry."""

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

instrument("opentelemetry.instrumentation.ollama:OllamaInstrumentor", provider())
from ollama import Client  # noqa: E402

client = Client(host=MODEL_URL)
messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
with run():
    while True:
        message = client.chat(model="ollama-test", messages=messages, tools=OPENAI_TOOLS).message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            said, _ = called(dict(call.function.arguments))
            messages.append({"role": "tool", "tool_name": call.function.name, "content": said})
