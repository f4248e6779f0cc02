"""Bedrock's Converse: blocks with one key each, the answer, the events of its stream. Strands passes the same on. Pure.

Its messages are ``{role, content: [block, …]}``, which :mod:`~atlas_otel.calls.openai_chat` reads like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls import sharing
from atlas_otel.calls.answer import Answer, finished
from atlas_otel.calls.media import media
from atlas_otel.calls.model_call import Reasoning, Text
from atlas_otel.calls.openai_chat import read_message
from atlas_otel.calls.parts import UNTYPED, arguments_text, text_of, tool_call, tool_result
from atlas_otel.calls.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from atlas_otel.calls.model_call import Part

_EVENTS: Final = frozenset({
    "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
})  # fmt: skip


def is_answer(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is what ``Converse`` answers."""
    output = value.get("output")
    return isinstance(output, dict) and isinstance(output.get("message"), dict)


def read_answer(value: Mapping[str, Any]) -> Answer:
    """Its message."""
    said = read_message({"role": "assistant", **value["output"]["message"]}, "assistant")
    return finished(said, [sharing.text(value, "stopReason")], one=True, usage=read_usage(value.get("usage")))


def is_piece(value: object) -> bool:
    """Whether a stream's piece is an event of ``ConverseStream``."""
    return isinstance(value, dict) and len(value) == 1 and not _EVENTS.isdisjoint(value)


def join(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The answer that a stream's events come to."""
    blocks: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for piece in pieces:
        ((name, held),) = piece.items()
        if not isinstance(held, dict):
            continue
        number = held.get("contentBlockIndex")
        if name == "contentBlockStart" and isinstance(number, int) and isinstance(held.get("start"), dict):
            blocks[number] = {key: dict(one) for key, one in held["start"].items() if isinstance(one, dict)}
        elif name == "contentBlockDelta" and isinstance(number, int) and isinstance(held.get("delta"), dict):
            _grow(blocks.setdefault(number, {}), held["delta"])
        elif name == "messageStop":
            whole["stopReason"] = held.get("stopReason")
        elif name == "metadata":
            whole["usage"] = held.get("usage")
    if not blocks:
        return None
    return {**whole, "output": {"message": {"role": "assistant", "content": [blocks[one] for one in sorted(blocks)]}}}


def _grow(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    if isinstance(delta.get("text"), str):
        block["text"] = block.get("text", "") + delta["text"]
    if isinstance(call := delta.get("toolUse"), dict):
        held = block.setdefault("toolUse", {})
        held["input"] = arguments_text(held.get("input")) + arguments_text(call.get("input"))
    if isinstance(thought := delta.get("reasoningContent"), dict):
        held = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
        held["text"] += str(thought.get("text") or "")
        if thought.get("signature"):
            held["signature"] = thought["signature"]


# --- blocks -----------------------------------------------------------------------------------------------------------


def _tool_use(value: Mapping[str, Any]) -> Part | None:
    held = value["toolUse"]
    return tool_call(held.get("toolUseId"), held.get("name"), held.get("input")) if isinstance(held, dict) else None


def _tool_result(value: Mapping[str, Any]) -> Part | None:
    held = value["toolResult"]
    if not isinstance(held, dict):
        return None
    failed = held.get("status") == "error"
    return tool_result(held.get("toolUseId"), held.get("name"), held.get("content"), error=failed)


def _json(value: Mapping[str, Any]) -> Part | None:
    return Text(text_of(value["json"]))


def _reasoning(value: Mapping[str, Any]) -> Part | None:
    held = value["reasoningContent"]
    if not isinstance(held, dict):
        return None
    said = held.get("reasoningText")
    if isinstance(said, dict):
        return Reasoning(sharing.text(said, "text") or "", sharing.text(said, "signature"))
    return Reasoning("", encrypted=text_of(held["redactedContent"])) if "redactedContent" in held else None


def _media(modality: str) -> Callable[[Mapping[str, Any]], Part | None]:
    def read(value: Mapping[str, Any]) -> Part | None:
        held = value[modality]
        source = held.get("source") if isinstance(held, dict) else None
        if not isinstance(source, dict):
            return None
        form = sharing.text(held, "format")
        head = {"document": "application"}.get(modality, modality)
        stored = source.get("s3Location")
        return media(
            modality,
            address=stored.get("uri") if isinstance(stored, dict) else None,
            data=source.get("bytes"),
            mime_type=f"{head}/{form}" if form else None,
            name=held.get("name"),
        )

    return read


def _citations(value: Mapping[str, Any]) -> Part | None:
    held = value["citationsContent"]
    if not isinstance(held, dict) or not isinstance(held.get("content"), list):
        return None
    said = "".join(sharing.text(one, "text") or "" for one in held["content"] if isinstance(one, dict))
    return Text(said, tuple(one for one in held.get("citations") or () if isinstance(one, dict)))


_BLOCKS: Final[Mapping[str, Callable[[Mapping[str, Any]], Part | None]]] = {
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "json": _json,
    "reasoningContent": _reasoning,
    "citationsContent": _citations,
    **{modality: _media(modality) for modality in ("image", "document", "video", "audio")},
}
UNTYPED.update(_BLOCKS)
