"""What a model's server was asked and what it answered, as plain messages: read here by the wire's own rules and by no
code of the product's, so that what the product wrote can be held against it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.model_wires import wire_of

Json = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """One message. ``calls`` are (id, name, arguments as the wire had them); ``id`` is the call's that it answers."""

    role: str
    text: str = ""
    calls: tuple[tuple[str | None, str, str], ...] = ()
    id: str | None = None


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    messages: tuple[Said, ...]
    answer: Said
    tools: dict[str, Any] = field(default_factory=dict)
    """Names of the tools offered, each with its parameters."""


def exchanges(log: list[Json]) -> list[Exchange]:
    """The exchanges of a recording."""
    found: list[Exchange] = []
    kept: dict[str, tuple[Said, ...]] = {}
    for one in log:
        wire = wire_of(one["path"])
        assert wire is not None
        request, response = one["request"], one["response"]
        messages, answer, tools = _READERS[wire](request, response)
        before = kept.get(request.get("previous_response_id") or "", ())
        if before and messages and messages[0].role == "system":
            before = tuple(said for said in before if said.role != "system")
            messages = (messages[0], *before, *messages[1:])
        else:
            messages = (*before, *messages)
        kept[str(response.get("id"))] = (*messages, answer)
        found.append(Exchange(messages, answer, tools))
    return found


def _text(content: Any) -> str:
    """The texts of a content in OpenAI's or Anthropic's form, one below the other."""
    if isinstance(content, str) or content is None:
        return content or ""
    return "\n".join(one["text"] for one in content if one.get("text"))


def _chat(request: Json, response: Json) -> tuple[tuple[Said, ...], Said, Json]:
    functions = [one["function"] for one in request.get("tools") or () if "function" in one]
    tools = {one["name"]: one.get("parameters") for one in functions}
    messages = tuple(_chat_message(one) for one in request["messages"])
    return messages, _chat_message(response["choices"][0]["message"]), tools


def _chat_message(one: Json) -> Said:
    """A message of OpenAI's form; Cohere has what it says beside calls as ``tool_plan``."""
    calls = tuple(
        (call.get("id"), call["function"]["name"], _arguments(call["function"]["arguments"]))
        for call in one.get("tool_calls") or ()
    )
    return Said(one["role"], _text(one.get("content") or one.get("tool_plan")), calls, one.get("tool_call_id"))


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _responses(request: Json, response: Json) -> tuple[tuple[Said, ...], Said, Json]:
    tools = {one["name"]: one.get("parameters") for one in request.get("tools") or () if one["type"] == "function"}
    given = request["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    messages = _items(items)
    if request.get("instructions"):
        messages = [Said("system", request["instructions"]), *messages]
    (answer,) = _items(response["output"])
    return tuple(messages), answer, tools


def _items(items: list[Json]) -> list[Said]:
    """Items of one turn of the model's are one message."""
    found: list[Said] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call_output":
            found.append(Said("tool", _text(item["output"]), (), item["call_id"]))
            continue
        if kind == "reasoning":
            continue
        if kind == "function_call":
            said = Said("assistant", "", ((item["call_id"], item["name"], item["arguments"]),))
        else:
            said = Said(item["role"], _text(item["content"]))
        if said.role == "assistant" and found and found[-1].role == "assistant":
            last = found.pop()
            said = Said("assistant", "\n".join(filter(None, (last.text, said.text))), (*last.calls, *said.calls))
        found.append(said)
    return found


def _anthropic(request: Json, response: Json) -> tuple[tuple[Said, ...], Said, Json]:
    tools = {one["name"]: one.get("input_schema") for one in request.get("tools") or ()}
    messages: list[Said] = [Said("system", _text(request["system"]))] if request.get("system") else []
    for one in request["messages"]:
        messages += _blocks(one["role"], one["content"])
    (answer,) = _blocks("assistant", response["content"])
    return tuple(messages), answer, tools


def _blocks(role: str, content: Any) -> list[Said]:
    if isinstance(content, str):
        return [Said(role, content)]
    results = [
        Said("tool", _text(b.get("content")), (), b["tool_use_id"]) for b in content if b["type"] == "tool_result"
    ]
    calls = tuple((b["id"], b["name"], _arguments(b["input"])) for b in content if b["type"] == "tool_use")
    text = _text([b for b in content if b["type"] == "text"])
    return [*results, *([Said(role, text, calls)] if text or calls else [])]


def _gemini(request: Json, response: Json) -> tuple[tuple[Said, ...], Said, Json]:
    declared = [one for tool in request.get("tools") or () for one in tool.get("functionDeclarations") or ()]
    tools = {
        one["name"]: one.get("parametersJsonSchema") or one.get("parameters_json_schema") or one.get("parameters")
        for one in declared
    }
    system = request.get("systemInstruction")
    messages: list[Said] = [Said("system", _text(system["parts"]))] if system else []
    for one in request["contents"]:
        messages += _gemini_parts(one.get("role", "user"), one["parts"])
    (answer,) = _gemini_parts("model", response["candidates"][0]["content"]["parts"])
    return tuple(messages), answer, tools


def _gemini_parts(role: str, parts: list[Json]) -> list[Said]:
    results = []
    for part in parts:
        if "functionResponse" in part:
            held = part["functionResponse"]
            results.append(Said("tool", json.dumps(held["response"]), (), held.get("id")))
    calls = tuple(
        (part["functionCall"].get("id"), part["functionCall"]["name"], _arguments(part["functionCall"]["args"]))
        for part in parts
        if "functionCall" in part
    )
    text = _text([part for part in parts if "text" in part])
    said = [Said("assistant" if role == "model" else role, text, calls)] if text or calls else []
    return [*results, *said]


def _bedrock(request: Json, response: Json) -> tuple[tuple[Said, ...], Said, Json]:
    specs = [one["toolSpec"] for one in request.get("toolConfig", {}).get("tools", ())]
    tools = {one["name"]: one["inputSchema"]["json"] for one in specs}
    messages: list[Said] = [Said("system", _text(request["system"]))] if request.get("system") else []
    for one in request["messages"]:
        messages += _bedrock_blocks(one["role"], one["content"])
    (answer,) = _bedrock_blocks("assistant", response["output"]["message"]["content"])
    return tuple(messages), answer, tools


def _bedrock_blocks(role: str, content: list[Json]) -> list[Said]:
    uses = [block["toolUse"] for block in content if "toolUse" in block]
    results = [block["toolResult"] for block in content if "toolResult" in block]
    calls = tuple((one["toolUseId"], one["name"], _arguments(one["input"])) for one in uses)
    text = _text([block for block in content if "text" in block])
    answered = [Said("tool", _text(one["content"]), (), one["toolUseId"]) for one in results]
    return [*answered, *([Said(role, text, calls)] if text or calls else [])]


def _ollama(request: Json, response: Json) -> tuple[tuple[Said, ...], Said, Json]:
    tools = {one["function"]["name"]: one["function"].get("parameters") for one in request.get("tools") or ()}
    return tuple(map(_chat_message, request["messages"])), _chat_message(response["message"]), tools


def _cohere(request: Json, response: Json) -> tuple[tuple[Said, ...], Said, Json]:
    tools = {one["function"]["name"]: one["function"].get("parameters") for one in request.get("tools") or ()}
    return tuple(map(_chat_message, request["messages"])), _chat_message(response["message"]), tools


_READERS = {
    "chat": _chat, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini, "bedrock": _bedrock,
    "ollama": _ollama, "cohere": _cohere,
}  # fmt: skip


def conversations(found: list[Exchange]) -> list[tuple[Said, ...]]:
    """The conversations that the exchanges come to, each answer as the model wrote it: a client may send a history back
    with arguments written anew."""
    held: list[tuple[Said, ...]] = []
    for one in found:
        asked = tuple(map(_loose, one.messages))
        before = [said for said in held if asked[: len(said)] == tuple(map(_loose, said))]
        earlier = max(before, key=len, default=())
        if earlier:
            held.remove(earlier)
        held.append((*earlier, *one.messages[len(earlier) :], one.answer))
    return held


def _loose(said: Said) -> Said:
    """A message whatever the order of the keys of its arguments; some clients leave out what was said beside calls, and
    give calls ids where the wire has none."""
    calls = tuple((None, name, _sorted(text)) for _, name, text in said.calls)
    return Said(said.role, "" if calls else said.text, calls, said.id)


def _sorted(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def without_form(said: Said) -> Said:
    """A message without the spaces in its JSON; the order of the keys stays."""
    text = compact(said.text) if said.role == "tool" and said.text.startswith("{") else said.text
    return Said(said.role, text, tuple((one, name, compact(text)) for one, name, text in said.calls), said.id)


def compact(text: str) -> str:
    """JSON text without its spaces, the keys in their order."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text


def of_line(messages: list[Json]) -> tuple[Said, ...]:
    """The messages of a line of the format ``chat``."""
    return tuple(_chat_message(one) for one in messages)
