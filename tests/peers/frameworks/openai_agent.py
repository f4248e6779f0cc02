"""An agent on the openai SDK alone: a streamed call with tools, the tools, a whole call. Its run is a plain span."""

from __future__ import annotations

import json

from openai import BadRequestError, OpenAI
from opentelemetry import trace

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def get_weather(city: str) -> str:
    return {"Paris": "sunny"}.get(city, "error: no such city")


def main() -> None:
    client = OpenAI()
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the weather in Paris and in Atlantis?"},
    ]
    calls: dict[int, dict] = {}
    stream = client.chat.completions.create(
        model="gpt-test", messages=messages, tools=[TOOL], stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or ():
                calls[call.index] = {
                    "id": call.id, "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }  # fmt: skip
    messages.append({"role": "assistant", "tool_calls": list(calls.values())})
    for call in calls.values():
        answer = get_weather(**json.loads(call["function"]["arguments"]))
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": answer})
    answer = client.chat.completions.create(model="gpt-test", messages=messages, tools=[TOOL])
    print(answer.choices[0].message.content)
    try:
        client.chat.completions.create(model="gpt-test", messages=[{"role": "user", "content": "Do the forbidden."}])
    except BadRequestError as error:
        print(f"refused: {error.status_code}")


if __name__ == "__main__":
    with trace.get_tracer("weather").start_as_current_span("weather agent"):
        main()
