"""Vercel's AI SDK: what ``generateText`` gives, and the parts of its full stream. Pure.

Its messages are ``{role, content}`` with parts ``tool-call`` and ``tool-result``: :mod:`~atlas_otel.calls.parts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, finished
from atlas_otel.calls.model_call import Message, Reasoning, Text
from atlas_otel.calls.parts import read_part, read_parts
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.calls.model_call import Part

_DELTAS: Final = {"text-delta": "text", "reasoning-delta": "reasoning", "reasoning": "reasoning"}
_EVENTS: Final = frozenset({
    *_DELTAS, "start", "start-step", "text-start", "text-end", "reasoning-start", "reasoning-end", "tool-input-start",
    "tool-input-delta", "tool-input-end", "tool-call", "finish-step", "step-finish", "step-start", "finish",
    "response-metadata", "stream-start",
})  # fmt: skip


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a result."""
    return "finishReason" in value and any(key in value for key in ("text", "toolCalls", "content", "reasoning"))


def read_answer(value: Mapping[str, Any]) -> Answer:
    """The result as one choice."""
    content = value.get("content")
    parts = read_parts(content) if isinstance(content, list) and content else tuple(_parts(value))
    response = value.get("response")
    response = response if isinstance(response, dict) else {}
    return finished(
        (Message("assistant", parts),),
        [sharing.text(value, "finishReason")],
        one=True,
        model=sharing.text(response, "modelId"),
        response_id=sharing.text(response, "id"),
        usage=read_usage(value.get("usage")),
    )


def _parts(value: Mapping[str, Any]) -> Iterator[Part]:
    thought = value.get("reasoningText", value.get("reasoning"))
    if isinstance(thought, str) and thought:
        yield Reasoning(thought)
    elif isinstance(thought, list):
        yield from read_parts(thought)
    if isinstance(value.get("text"), str) and value["text"]:
        yield Text(value["text"])
    for call in value.get("toolCalls") or ():
        if isinstance(call, dict):
            yield read_part({"type": "tool-call", **call})


def is_piece(value: object) -> bool:
    """Whether a stream's piece is a part of the full stream."""
    return sharing.kind_of(value) in _EVENTS


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The result that a full stream comes to."""
    content: list[dict[str, Any]] = []
    whole: dict[str, Any] = {"finishReason": None}
    for piece in pieces:
        kind = str(piece.get("type"))
        if kind in _DELTAS:
            said = sharing.text(piece, "text", "delta", "textDelta") or ""
            if content and content[-1]["type"] == _DELTAS[kind]:
                content[-1]["text"] += said
            else:
                content.append({"type": _DELTAS[kind], "text": said})
        elif kind == "tool-call":
            content.append(dict(piece))
        elif kind in ("finish", "finish-step", "step-finish"):
            whole["finishReason"] = sharing.text(piece, "finishReason") or whole["finishReason"]
            usage = sharing.first(piece, "totalUsage", "usage")
            whole["usage"] = usage if usage is not None else whole.get("usage")
            whole["response"] = piece.get("response") or whole.get("response")
    return {**whole, "content": content} if content or whole["finishReason"] else None
