"""The openai SDK in a loop of one's own: ``openai_loop.py MODULE:CLASS [stream] [responses]``."""

import json
import sys

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run


def chat(client, stream):
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    while True:
        given = {"model": "gpt-test", "messages": messages, "tools": OPENAI_TOOLS}
        if stream:
            message = joined(
                client.chat.completions.create(**given, stream=True, stream_options={"include_usage": True})
            )
        else:
            message = client.chat.completions.create(**given).choices[0].message.to_dict()
        messages.append(message)
        if not message.get("tool_calls"):
            return
        for call in message["tool_calls"]:
            said, _ = called(json.loads(call["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": said})


def joined(pieces):
    text, calls = "", {}
    for piece in pieces:
        for choice in piece.choices:
            text += choice.delta.content or ""
            for one in choice.delta.tool_calls or ():
                if one.id:
                    calls[one.index] = {
                        "id": one.id,
                        "type": "function",
                        "function": {"name": one.function.name, "arguments": ""},
                    }
                calls[one.index]["function"]["arguments"] += one.function.arguments or ""
    message = {"role": "assistant", "content": text}
    return {**message, "tool_calls": list(calls.values())} if calls else message


def responses(client, stream):
    tools = [{"type": "function", **OPENAI_TOOLS[0]["function"], "strict": False}]
    items = [{"role": "user", "content": TASK}]
    while True:
        given = {"model": "gpt-test", "instructions": SYSTEM, "input": items, "tools": tools}
        if stream:
            answer = list(client.responses.create(**given, stream=True))[-1].response
        else:
            answer = client.responses.create(**given)
        items += [item.to_dict() for item in answer.output]
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return
        for call in calls:
            said, _ = called(json.loads(call.arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": said})


if __name__ == "__main__":
    instrument(sys.argv[1], provider())
    from openai import OpenAI

    client = OpenAI(base_url=f"{MODEL_URL}/v1", api_key="nobody")
    with run():
        (responses if "responses" in sys.argv else chat)(client, "stream" in sys.argv)
