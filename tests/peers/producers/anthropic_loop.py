"""Anthropic's SDK in a loop of one's own: ``anthropic_loop.py MODULE:CLASS [stream]``."""

import sys

from common import MODEL_URL, OPENAI_TOOLS, SYSTEM, TASK, called, instrument, provider, run

instrument(sys.argv[1], provider())
from anthropic import Anthropic  # noqa: E402

client = Anthropic(base_url=MODEL_URL, api_key="nobody")
tool = OPENAI_TOOLS[0]["function"]
tools = [{"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}]
messages = [{"role": "user", "content": TASK}]
with run():
    while True:
        given = {"model": "claude-test", "max_tokens": 100, "system": SYSTEM, "messages": messages, "tools": tools}
        if "stream" in sys.argv:
            with client.messages.stream(**given) as stream:
                answer = stream.get_final_message()
        else:
            answer = client.messages.create(**given)
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        results = []
        for block in answer.content:
            if block.type == "tool_use":
                said, failed = called(block.input)
                results.append({"type": "tool_result", "tool_use_id": block.id, "content": said, "is_error": failed})
        if not results:
            break
        messages.append({"role": "user", "content": results})
