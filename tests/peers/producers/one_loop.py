"""The loop of ``tests/support/one_loop.py`` over a provider's SDK: ``one_loop.py openai|anthropic MODULE:CLASS``."""

import json
import os
import sys

from common import MODEL_URL, instrument, provider, run

LOOP = json.loads(os.environ["LOOP"])
instrument(sys.argv[2], provider())


def called(arguments):
    if arguments["city"] != "Oslo":
        return f"no such city: {arguments['city']}", True
    return "4 degrees", False


def over_openai():
    from openai import OpenAI

    client = OpenAI(base_url=f"{MODEL_URL}/v1", api_key="nobody")
    messages = list(LOOP["openai_opening"])
    while True:
        given = {"model": LOOP["model"], "messages": messages, "tools": LOOP["openai_tools"]}
        message = client.chat.completions.create(**given).choices[0].message
        messages.append({"role": "assistant", "content": message.content})
        if not message.tool_calls:
            return
        messages[-1]["tool_calls"] = [call.to_dict() for call in message.tool_calls]
        for call in message.tool_calls:
            said, _ = called(json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})


def over_anthropic():
    from anthropic import Anthropic

    client = Anthropic(base_url=MODEL_URL, api_key="nobody")
    messages = list(LOOP["anthropic_opening"])
    given = {"model": LOOP["model"], "max_tokens": 100, "system": LOOP["system"], "tools": LOOP["anthropic_tools"]}
    while True:
        answer = client.messages.create(messages=messages, **given)
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        results = []
        for block in answer.content:
            if block.type == "tool_use":
                said, failed = called(block.input)
                results.append({"type": "tool_result", "tool_use_id": block.id, "content": said, "is_error": failed})
        if not results:
            return
        messages.append({"role": "user", "content": results})


with run():
    (over_openai if sys.argv[1] == "openai" else over_anthropic)()
