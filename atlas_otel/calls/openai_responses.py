"""OpenAI's Responses: items that are a history or an output, the response object, and its stream's events. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, finished
from atlas_otel.calls.model_call import Message, Reasoning, ServerToolCall, ToolCall, ToolResult
from atlas_otel.calls.parts import PARTS, read_part
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ITEMS: Final = frozenset(
    {"function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning"}
)
_CONTROLS: Final = frozenset({"item_reference", "compaction"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


def is_item(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is an item that is no message: a call, its output, reasoning, a tool that the server ran."""
    kind = value.get("type")
    if not isinstance(kind, str) or "role" in value:
        return False
    return kind in _ITEMS or kind in _CONTROLS or (kind.endswith("_call") and kind not in PARTS and "id" in value)


def read_item(value: Mapping[str, Any], role: str) -> Sequence[Message]:
    """One item as a message."""
    part = read_part(dict(value))
    if isinstance(part, ToolResult):
        return (Message("tool", (part,)),)
    if isinstance(part, (ToolCall, Reasoning, ServerToolCall)):
        return (Message("assistant", (part,)),)
    return (Message("assistant", (part,), unread=f"an item of type {value.get('type')}"),)


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a response."""
    return isinstance(value.get("output"), list) and (
        value.get("object") == "response" or "status" in value or any(map(_is_output, value["output"]))
    )


def _is_output(value: object) -> bool:
    return isinstance(value, dict) and (is_item(value) or value.get("type") == "message")


def read_answer(value: Mapping[str, Any]) -> Answer:
    """The response's items as one answer."""
    from atlas_otel.calls.messages import read_messages

    read = read_messages(value["output"], role="assistant")
    reason = sharing.text(value.get("incomplete_details") or {}, "reason") or _reason(value)
    return finished(
        read.items,
        [reason],
        one=True,
        model=sharing.text(value, "model"),
        response_id=sharing.text(value, "id"),
        previous_response_id=sharing.text(value, "previous_response_id"),
        usage=read_usage(value.get("usage")),
        cut=read.cut,
    )


def _reason(value: Mapping[str, Any]) -> str | None:
    status = sharing.text(value, "status")
    return None if status in ("in_progress", "queued") else status


def is_piece(value: object) -> bool:
    """Whether a stream's piece is an event of Responses."""
    kind = value.get("type") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind.startswith("response.")


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The response that a stream's events come to: the whole that its last event holds, else what was done by then."""
    for piece in reversed(pieces):
        if sharing.kind_of(piece) in _ENDS and isinstance(piece.get("response"), dict):
            return dict(piece["response"])
    begun: dict[str, Any] = next((one["response"] for one in pieces if isinstance(one.get("response"), dict)), {})
    items: dict[int, dict[str, Any]] = {}
    for piece in pieces:
        number = piece.get("output_index")
        if not isinstance(number, int):
            continue
        if isinstance(piece.get("item"), dict):
            items[number] = dict(piece["item"])
        elif isinstance(delta := piece.get("delta"), str):
            _grow(items.setdefault(number, {"type": "message", "role": "assistant"}), str(piece.get("type")), delta)
    if not items:
        return None
    return {**begun, "object": "response", "status": "incomplete", "output": [items[one] for one in sorted(items)]}


def _grow(item: dict[str, Any], kind: str, delta: str) -> None:
    if "function_call_arguments" in kind:
        item["arguments"] = (item.get("arguments") or "") + delta
    elif "reasoning" in kind:
        held = item.get("summary") or [{"type": "summary_text", "text": ""}]
        item["summary"] = [{**held[0], "text": held[0].get("text", "") + delta}, *held[1:]]
    elif "output_text" in kind or "refusal" in kind:
        name, part = ("refusal", "refusal") if "refusal" in kind else ("output_text", "text")
        held = item.get("content") or [{"type": name, part: ""}]
        item["content"] = [{**held[0], part: held[0].get(part, "") + delta}, *held[1:]]
