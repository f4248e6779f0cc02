"""One agent's loop, as two providers' wires and three conventions have it: system text, tools, an image, reasoning, two
parallel calls of which one fails, an answer. Whichever way it was recorded, it is the same two model calls."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from atlas_otel.calls.model_call import Choice, Media, Message, ModelCall, Reasoning, Text, Tool, ToolCall, ToolResult
from atlas_otel.records.json_text import dump

SYSTEM: Final = "Be brief."
ASKED: Final = "What is the weather in the city of this picture, and in Atlantis?"
IMAGE: Final = "iVBORw0KGgo="
THOUGHT: Final = "The picture shows Oslo."
CALLS: Final = (("c1", "weather", {"unit": "C", "city": "Oslo"}), ("c2", "weather", {"unit": "C", "city": "Atlantis"}))
RESULTS: Final = (("c1", "4 degrees"), ("c2", "no such city: Atlantis"))
SAID: Final = "I will look."
ANSWER: Final = "4 degrees in Oslo; nobody knows Atlantis."
SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}}
MODEL: Final = "m-1"


def weather(city: str, unit: str) -> str:
    """The tool. Raises LookupError for a city that nobody knows."""
    if city != "Oslo":
        raise LookupError(f"no such city: {city}")
    return "4 degrees"


# --- on the wire ------------------------------------------------------------------------------------------------------

OPENAI_TOOLS: Final = [
    {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": SCHEMA}}
]
OPENAI_OPENING: Final[list[dict[str, Any]]] = [
    {"role": "system", "content": SYSTEM},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": ASKED},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}},
        ],
    },
]
OPENAI_CALLS: Final = [
    {"id": one, "type": "function", "function": {"name": name, "arguments": dump(arguments)}}
    for one, name, arguments in CALLS
]
ANTHROPIC_TOOLS: Final = [{"name": "weather", "description": "The weather.", "input_schema": SCHEMA}]
ANTHROPIC_OPENING: Final[list[dict[str, Any]]] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": ASKED},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
        ],
    }
]


def openai_answer(request: dict[str, Any]) -> dict[str, Any]:
    """What a server of chat completions answers to the loop's first request, and to its second."""
    last = any(one["role"] == "tool" for one in request["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": ANSWER}
    if not last:
        message = {"role": "assistant", "content": SAID, "reasoning_content": THOUGHT, "tool_calls": OPENAI_CALLS}
    return {
        "id": "chatcmpl-2" if last else "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop" if last else "tool_calls"}],
        "usage": {
            "prompt_tokens": 150,
            "completion_tokens": 20,
            "total_tokens": 170,
            "prompt_tokens_details": {"cached_tokens": 100},
        },
    }


def anthropic_answer(request: dict[str, Any]) -> dict[str, Any]:
    """The same of Anthropic's Messages."""
    last = len(request["messages"]) > 1
    content: list[dict[str, Any]] = [{"type": "text", "text": ANSWER}]
    if not last:
        content = [
            {"type": "thinking", "thinking": THOUGHT, "signature": "sig"},
            {"type": "text", "text": SAID},
            *({"type": "tool_use", "id": one, "name": name, "input": given} for one, name, given in CALLS),
        ]
    return {
        "id": "msg_2" if last else "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": "end_turn" if last else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 50, "output_tokens": 20, "cache_read_input_tokens": 100},
    }


# --- what it comes to -------------------------------------------------------------------------------------------------

_OPENING: Final = (
    Message("system", (Text(SYSTEM),)),
    Message("user", (Text(ASKED), Media("image", data=IMAGE, mime_type="image/png"))),
)
_CALLING: Final = tuple(ToolCall(one, name, dump(given)) for one, name, given in CALLS)
_TOOLS: Final = (Tool("weather", "The weather.", dict(SCHEMA)),)
EXPECTED: Final = (
    ModelCall(
        messages=_OPENING,
        choices=(Choice(Message("assistant", (Reasoning(THOUGHT), Text(SAID), *_CALLING))),),
        tools=_TOOLS,
    ),
    ModelCall(
        messages=(
            *_OPENING,
            Message("assistant", (Text(SAID), *_CALLING)),
            *(Message("tool", (ToolResult(one, None, (Text(said),)),)) for one, said in RESULTS),
        ),
        choices=(Choice(Message("assistant", (Text(ANSWER),))),),
        tools=_TOOLS,
    ),
)
"""Without what not every wire can say: see :func:`comparable`."""


def comparable(call: ModelCall) -> ModelCall:
    """The call without what one wire says and another cannot: names and failures of results, signatures, reasoning that
    was sent back, why it ended, ids, models, counts, parameters, its place. Arguments in one form."""
    return ModelCall(
        messages=tuple(_comparable(one, reasoning=False) for one in call.messages),
        choices=tuple(Choice(_comparable(one.message, reasoning=True)) for one in call.choices),
        tools=tuple(replace(tool, strict=None) for tool in call.tools),
        cut=call.cut,
        unread=call.unread,
    )


def _comparable(message: Message, *, reasoning: bool) -> Message:
    parts: list[Any] = []
    for part in message.parts:
        if isinstance(part, Reasoning):
            parts += [Reasoning(part.text)] if reasoning else []
        elif isinstance(part, ToolCall):
            parts.append(replace(part, arguments_text=dump(json.loads(part.arguments_text))))
        elif isinstance(part, ToolResult):
            parts.append(ToolResult(part.id, None, part.parts))
        else:
            parts.append(part)
    return replace(message, parts=tuple(parts), name=None)
