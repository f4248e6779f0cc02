"""Cohere: version 1's ``{role, message}`` and answer, version 2's answer and the events of its stream. Pure.

Version 2's messages are ``{role, content, tool_plan?, tool_calls?}``, which :mod:`~atlas_otel.calls.openai_chat` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, finished
from atlas_otel.calls.openai_chat import read_message
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EVENTS: Final = frozenset({
    "message-start", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start",
    "tool-call-delta", "tool-call-end", "citation-start", "citation-end", "message-end",
})  # fmt: skip


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is what ``/v2/chat`` or ``/v1/chat`` answers."""
    if isinstance(value.get("message"), dict):
        return "finish_reason" in value and "done" not in value
    return isinstance(value.get("text"), str) and "generation_id" in value


def read_answer(value: Mapping[str, Any]) -> Answer:
    """Its message."""
    held = value.get("message")
    if isinstance(held, dict):
        message = {"role": "assistant", **held, "annotations": held.get("citations")}
    else:
        message = {"role": "assistant", "content": value["text"], "tool_calls": value.get("tool_calls")}
    usage = sharing.first(value, "usage", "meta")
    counted = usage.get("tokens", usage) if isinstance(usage, dict) else None
    return finished(
        read_message(message, "assistant"),
        [sharing.text(value, "finish_reason")],
        one=True,
        response_id=sharing.text(value, "id", "generation_id"),
        model=sharing.text(value, "model"),
        usage=read_usage(counted),
    )


def is_piece(value: object) -> bool:
    """Whether a stream's piece is an event of version 2."""
    return sharing.kind_of(value) in _EVENTS


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The answer that a stream's events come to."""
    whole: dict[str, Any] = {"finish_reason": None}
    message: dict[str, Any] = {"role": "assistant"}
    contents: dict[int, dict[str, Any]] = {}
    calls: dict[int, dict[str, Any]] = {}
    for piece in pieces:
        delta = piece.get("delta")
        held = delta.get("message") if isinstance(delta, dict) else None
        index = piece.get("index")
        number = index if isinstance(index, int) else 0
        if piece.get("type") == "message-start":
            whole["id"] = piece.get("id")
        elif piece.get("type") == "message-end" and isinstance(delta, dict):
            whole.update({key: delta.get(key) for key in ("finish_reason", "usage")})
        elif isinstance(held, dict):
            if isinstance(held.get("tool_plan"), str):
                message["tool_plan"] = message.get("tool_plan", "") + held["tool_plan"]
            if isinstance(held.get("content"), dict):
                _grow(contents.setdefault(number, {"type": "text"}), held["content"])
            if isinstance(held.get("tool_calls"), dict):
                _grow_call(calls.setdefault(number, {"function": {}}), held["tool_calls"])
            if isinstance(held.get("citations"), dict):
                message["citations"] = [*message.get("citations", ()), held["citations"]]
    if contents:
        message["content"] = [contents[one] for one in sorted(contents)]
    if calls:
        message["tool_calls"] = [calls[one] for one in sorted(calls)]
    return {**whole, "message": message}


def _grow(block: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key in ("text", "thinking"):
        if isinstance(more.get(key), str):
            block[key] = block.get(key, "") + more[key]
    if isinstance(more.get("type"), str):
        block["type"] = more["type"]
    elif "thinking" in more:
        block["type"] = "thinking"


def _grow_call(call: dict[str, Any], more: Mapping[str, Any]) -> None:
    call.update({key: more[key] for key in ("id", "type") if more.get(key)})
    if isinstance(function := more.get("function"), dict):
        held = call["function"]
        if isinstance(function.get("name"), str):
            held["name"] = function["name"]
        held["arguments"] = held.get("arguments", "") + str(function.get("arguments") or "")
