"""Anthropic's Messages: what the API answers, and the events of its stream. Pure.

Its messages are ``{role, content}`` with blocks, which :mod:`~atlas_otel.calls.openai_chat` reads like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.records import lenient_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EVENTS: Final = frozenset({
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop",
})  # fmt: skip
_GROWING: Final = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def is_piece(value: object) -> bool:
    """Whether a stream's piece is an event of Messages."""
    return sharing.kind_of(value) in _EVENTS


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The message that a stream's events come to, as the API would have answered it."""
    message: dict[str, Any] = {"type": "message", "role": "assistant"}
    blocks: dict[int, dict[str, Any]] = {}
    written: dict[int, str] = {}
    for piece in pieces:
        kind, delta = piece.get("type"), piece.get("delta")
        held = piece.get("message" if kind == "message_start" else "content_block")
        number = piece.get("index")
        if kind == "message_start" and isinstance(held, dict):
            message.update(held)
        elif kind == "content_block_start" and isinstance(held, dict) and isinstance(number, int):
            blocks[number] = dict(held)
        elif kind == "content_block_delta" and isinstance(delta, dict) and isinstance(number, int):
            _grow(blocks.setdefault(number, {"type": "text", "text": ""}), delta, written, number)
        elif kind == "message_delta":
            if isinstance(delta, dict):
                message.update({key: value for key, value in delta.items() if value is not None})
            if isinstance(piece.get("usage"), dict):
                counts = {key: value for key, value in piece["usage"].items() if value is not None}
                message["usage"] = {**(message.get("usage") or {}), **counts}
    for number, text in written.items():
        blocks[number]["input"] = _input(text, blocks[number].get("input"))
    if not blocks and "id" not in message:
        return None
    message["content"] = [blocks[number] for number in sorted(blocks)]
    return message


def _grow(block: dict[str, Any], delta: Mapping[str, Any], written: dict[int, str], number: int) -> None:
    kind = delta.get("type")
    if kind == "input_json_delta":
        written[number] = written.get(number, "") + str(delta.get("partial_json") or "")
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
    elif (key := _GROWING.get(str(kind))) is not None:
        block[key] = (block.get(key) or "") + str(delta.get(key) or "")


def _input(text: str, otherwise: Any) -> Any:
    """The arguments of a call, as an object; the text as it is where the stream was broken off inside of it."""
    if not text:
        return otherwise
    try:
        return lenient_json.parse(text)
    except ValueError:
        return text
