"""The loop of ``tests/support/one_loop.py`` over a provider's SDK, decorated: ``agent.py openai|anthropic [stream]``.

The loop's constants come as JSON in the environment variable ``LOOP``; the SDK's base URL from its own variable.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import atlas_otel as atlas

LOOP = json.loads(os.environ["LOOP"])


@atlas.tool
def weather(city: str, unit: str) -> str:
    if city != "Oslo":
        raise LookupError(f"no such city: {city}")
    return "4 degrees"


def called(name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
    """What the tool answers, and whether it failed."""
    assert name == "weather"
    try:
        return weather(**arguments), False
    except LookupError as error:
        return str(error), True


def over_openai(stream: bool) -> str:
    from openai import OpenAI

    client = OpenAI()
    messages: list[Any] = list(LOOP["openai_opening"])

    @atlas.llm(model=LOOP["model"], provider="openai")
    def complete(messages: list[Any], tools: list[Any]) -> Any:
        return client.chat.completions.create(model=LOOP["model"], messages=messages, tools=tools)

    @atlas.llm(model=LOOP["model"], provider="openai")
    def streamed(messages: list[Any], tools: list[Any]) -> Any:
        yield from client.chat.completions.create(model=LOOP["model"], messages=messages, tools=tools, stream=True)

    if stream:  # the answer's pieces tell what it was; the loop goes on from a whole one
        for _ in streamed(messages, LOOP["openai_tools"]):
            pass
        answer = client.chat.completions.create(model=LOOP["model"], messages=messages, tools=LOOP["openai_tools"])
    else:
        answer = complete(messages, LOOP["openai_tools"])
    messages.append(answer.choices[0].message)
    for call in answer.choices[0].message.tool_calls:
        said, _ = called(call.function.name, json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
    return complete(messages, LOOP["openai_tools"]).choices[0].message.content


def over_anthropic(stream: bool) -> str:
    from anthropic import Anthropic

    client = Anthropic(api_key="nobody")
    messages: list[Any] = list(LOOP["anthropic_opening"])

    @atlas.llm(model=LOOP["model"], provider="anthropic")
    def create(**request: Any) -> Any:
        return client.messages.create(model=LOOP["model"], max_tokens=100, **request)

    @atlas.llm(model=LOOP["model"], provider="anthropic")
    def streamed(**request: Any) -> Any:
        yield from client.messages.create(model=LOOP["model"], max_tokens=100, stream=True, **request)

    given = {"system": LOOP["system"], "tools": LOOP["anthropic_tools"]}
    if stream:
        for _ in streamed(messages=messages, **given):
            pass
        answer = client.messages.create(model=LOOP["model"], max_tokens=100, messages=messages, **given)
    else:
        answer = create(messages=messages, **given)
    messages.append({"role": "assistant", "content": answer.content})
    results = []
    for block in answer.content:
        if block.type == "tool_use":
            said, failed = called(block.name, block.input)
            results.append({"type": "tool_result", "tool_use_id": block.id, "content": said, "is_error": failed})
    messages.append({"role": "user", "content": results})
    return create(messages=messages, **given).content[0].text


if __name__ == "__main__":
    telemetry = atlas.configure("one-loop", console=False)
    with atlas.session("the weather", name="weather") as session:
        run = over_openai if sys.argv[1] == "openai" else over_anthropic
        session.final_answer = run("stream" in sys.argv)
        print(session.final_answer)
    telemetry.shutdown()
