"""LangChain's messages, as objects hold them and as ``dumps`` and ``message_to_dict`` write them; its results. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, finished
from atlas_otel.calls.model_call import Choice, Message, Reasoning, Text, ToolCall, Unknown
from atlas_otel.calls.parts import read_parts, tool_call, tool_result
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.calls.model_call import Part

_ROLES: Final = {
    "human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool",
    "developer": "developer", "generic": "assistant",
}  # fmt: skip


def is_message(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a message of LangChain's, wrapped or not."""
    held = unwrapped(value)
    return "role" not in held and "content" in held and _role(held) is not None


def unwrapped(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message itself: ``{lc, id: […, "AIMessage"], kwargs}`` and ``{type, data}`` are around it."""
    inner = value.get("kwargs")
    if "lc" in value and isinstance(inner, dict):
        named = value.get("id")
        name = named[-1] if isinstance(named, list) and named and isinstance(named[-1], str) else ""
        return inner if "type" in inner else {"type": name, **inner}
    inner = value.get("data")
    if isinstance(value.get("type"), str) and "content" not in value and isinstance(inner, dict):
        return {"type": value["type"], **inner}
    return value


def _role(value: Mapping[str, Any]) -> str | None:
    kind = value.get("type")
    if not isinstance(kind, str):
        return None
    short = kind.removesuffix("Chunk").removesuffix("Message").lower()
    if short == "chat" and isinstance(value.get("role"), str):
        return sharing.role_of(value, "user")
    return _ROLES.get(short)


def read_message(value: Mapping[str, Any], role: str) -> Sequence[Message]:
    """One message."""
    held = unwrapped(value)
    said_by = _role(held) or role
    name = sharing.text(held, "name")
    if said_by == "tool":
        failed = held.get("status") == "error"
        return (Message("tool", (tool_result(held.get("tool_call_id"), name, held.get("content"), error=failed),)),)
    more = held.get("additional_kwargs")
    more = more if isinstance(more, dict) else {}
    parts = list(read_parts(held.get("content")))
    thought = sharing.text(more, "reasoning_content")
    if thought is not None and not any(isinstance(part, Reasoning) for part in parts):
        parts.insert(0, Reasoning(thought))
    calls = list(_calls(held, more))
    listed = {part.id for part in parts if isinstance(part, ToolCall)}
    parts += [call for call in calls if not isinstance(call, ToolCall) or call.id not in listed or call.id is None]
    if len(parts) > 1:
        parts = [part for part in parts if part != Text("")]
    return sharing.divided(said_by, parts, name=name, whole=held)


def _calls(held: Mapping[str, Any], more: Mapping[str, Any]) -> Iterator[Part]:
    """The calls; their arguments as the model wrote them where OpenAI's raw call is kept beside the parsed one."""
    raw = {}
    for one in _list(more.get("tool_calls")):
        function = one.get("function") if isinstance(one, dict) else None
        if isinstance(function, dict):
            raw[one.get("id")] = function.get("arguments")
    parsed = [*_list(held.get("tool_calls")), *_list(held.get("invalid_tool_calls"))]
    for one in parsed or _list(more.get("tool_calls")):
        if isinstance(one, dict):
            function = one.get("function")
            inner = function if isinstance(function, dict) else one
            arguments = raw.get(one.get("id"), inner.get("args", inner.get("arguments")))
            yield tool_call(one.get("id"), inner.get("name"), arguments) or Unknown("tool_call", one)


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a message of the model's, an ``LLMResult`` or a ``ChatResult``."""
    return isinstance(value.get("generations"), list) or (is_message(value) and _is_said(value))


def _is_said(value: Mapping[str, Any]) -> bool:
    return _role(unwrapped(value)) == "assistant"


def read_answer(value: Mapping[str, Any]) -> Answer:
    """The message with what stands on it: model, id, usage, why it ended. Of a result, each generation a choice."""
    if "generations" not in value:
        return _of_message(value)
    listed = value["generations"]
    flat = [one for inner in listed for one in (inner if isinstance(inner, list) else [inner]) if isinstance(one, dict)]
    choices: list[Choice] = []
    found = Answer()
    for number, one in enumerate(flat):
        held = one.get("message")
        if isinstance(held, dict) and is_message(held):
            read = _of_message(held)
            found = found if found.usage is not None or found.model is not None else read
            choices += [replace(choice, index=number) for choice in read.choices]
        elif isinstance(one.get("text"), str):
            info = one.get("generation_info")
            reason = sharing.text(info, "finish_reason") if isinstance(info, dict) else None
            choices.append(Choice(Message("assistant", (Text(one["text"]),)), reason, index=number))
    output = value.get("llm_output", value.get("llmOutput"))
    output = output if isinstance(output, dict) else {}
    usage = found.usage or read_usage(output.get("token_usage", output.get("usage", output.get("tokenUsage"))))
    model = found.model or sharing.text(output, "model_name", "model")
    return found._replace(choices=tuple(choices), usage=usage, model=model)


def _of_message(value: Mapping[str, Any]) -> Answer:
    held = unwrapped(value)
    about = held.get("response_metadata")
    about = about if isinstance(about, dict) else {}
    usage = read_usage(held.get("usage_metadata")) or read_usage(about.get("token_usage", about.get("usage")))
    reason = sharing.text(about, "finish_reason", "stop_reason", "stopReason", "done_reason")
    response_id = sharing.text(about, "id") or sharing.text(held, "id")
    if response_id is not None and response_id.startswith(("run-", "run--", "lc_run-")):
        response_id = None  # LangChain's own, not the provider's
    return finished(
        read_message(value, "assistant"),
        [reason],
        one=True,
        model=sharing.text(about, "model_name", "model", "model_id"),
        response_id=response_id,
        usage=usage,
    )


def is_piece(value: object) -> bool:
    """Whether a stream's piece is a chunk of a message."""
    if not isinstance(value, dict):
        return False
    held = unwrapped(value)
    return held.get("type") == "AIMessageChunk" and "content" in held


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The message that the chunks come to."""
    chunks = [unwrapped(piece) for piece in pieces]
    whole: dict[str, Any] = {"type": "ai"}
    blocks: list[Any] = []
    calls: dict[Any, dict[str, Any]] = {}
    for chunk in chunks:
        whole |= {key: chunk[key] for key in ("id", "name") if chunk.get(key) and key not in whole}
        for key in ("response_metadata", "additional_kwargs"):
            if isinstance(chunk.get(key), dict):
                known = {name: one for name, one in chunk[key].items() if one is not None and name != "tool_calls"}
                whole[key] = _merged(whole.get(key) or {}, known)
        if isinstance(chunk.get("usage_metadata"), dict):
            whole["usage_metadata"] = _added(whole.get("usage_metadata"), chunk["usage_metadata"])
        content = chunk.get("content")
        for block in content if isinstance(content, list) else [content] if content else ():
            _add_block(blocks, block)
        for number, one in enumerate(_list(chunk.get("tool_call_chunks"))):
            if isinstance(one, dict):
                _add_call(calls.setdefault(one.get("index", number), {}), one)
    texts = [block for block in blocks if isinstance(block, str)]
    whole["content"] = "".join(texts) if len(texts) == len(blocks) else blocks
    whole["tool_calls"] = list(calls.values())
    return whole


def _add_block(blocks: list[Any], block: Any) -> None:
    if isinstance(block, str) and blocks and isinstance(blocks[-1], str):
        blocks[-1] += block
    elif isinstance(block, dict) and blocks and isinstance(blocks[-1], dict) and _goes_on(blocks[-1], block):
        blocks[-1] = _merged(blocks[-1], block)
    elif not (isinstance(block, dict) and block.get("type") in ("tool_use", "input_json_delta", "tool_call_chunk")):
        blocks.append(block)


def _goes_on(last: Mapping[str, Any], block: Mapping[str, Any]) -> bool:
    return last.get("index") == block.get("index") and last.get("type") == block.get("type")


def _merged(last: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    texts = ("text", "thinking", "reasoning", "reasoning_content", "signature")
    grown = {key: str(last.get(key) or "") + one for key, one in more.items() if key in texts and isinstance(one, str)}
    return {**last, **more, **grown}


def _added(counts: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    held = dict(counts) if isinstance(counts, dict) else {}
    for key, value in more.items():
        if isinstance(value, dict):
            held[key] = _added(held.get(key), value)
        elif isinstance(value, (int, float)) and isinstance(held.get(key), (int, float)):
            held[key] += value
        elif value is not None:
            held[key] = value
    return held


def _add_call(call: dict[str, Any], chunk: Mapping[str, Any]) -> None:
    call["args"] = str(call.get("args") or "") + str(chunk.get("args") or "")
    for key in ("id", "name"):
        if isinstance(chunk.get(key), str) and chunk[key]:
            call[key] = (call.get(key) or "") + chunk[key] if key == "name" else chunk[key]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
