"""An agent with a conversation of 42 messages, a sub-agent, a rejected attempt and metadata. Prints its trace."""

from __future__ import annotations

import json

import atlas_otel as atlas

TURNS = 41
telemetry = atlas.configure("long-talker")
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


@atlas.tool
def look(place: str) -> str:
    return 'Two lines:\n"one"'


@atlas.llm(model="gpt-4o-mini", provider="openai")
def complete(messages: list[dict[str, str]], tools: list[dict[str, object]]) -> dict[str, object]:
    usage = {"prompt_tokens": 1000, "completion_tokens": 50}
    answer = {"message": {"role": "assistant", "content": "It is a heron."}, "finish_reason": "stop"}
    return {"model": "gpt-4o-mini", "choices": [answer], "usage": usage}


@atlas.agent("birder")
def ask_birder(question: str) -> str:
    return "Grey, with long legs."


METADATA = {"tenant": "acme", "conversation_id": "talk-7", "n": {"a": 1}}


@atlas.session(name="naturalist", tags=["birds"], metadata=METADATA)
def identify(question: str) -> str:
    atlas.set_plan(["Look\nclosely", "Say what it is"])
    atlas.set_metadata({"region": "delta"})
    with atlas.step("Look\nclosely", id=1):
        look("pond")
        atlas.set_validation(False, reason="nobody looked at the beak")
        atlas.add_guidance("look at the beak")
    with atlas.step("Look\nclosely", id=1):
        ask_birder("What does it look like?")
        atlas.set_validation(True)
    with atlas.step("Say what it is", id=2):
        asked = [{"role": "system", "content": "You know birds."}]
        for turn in range(TURNS):
            role = "assistant" if turn % 2 else "user"
            asked.append({"role": role, "content": f"message {turn}: " + "é" * 2_000})
        complete(asked, TOOLS)
        atlas.record_reward(0.75, rationale="the species is missing")
    atlas.record_reward(0.5, rationale="half right", primary=True)
    session = atlas.current_session()
    assert session is not None
    print(json.dumps({"session": session.id, "trace": session.trace_id}))
    return "A heron."


identify("Which bird is this?")
telemetry.shutdown(30)
