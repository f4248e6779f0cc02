"""What limits leave in messages: the marks of what was cut, as capture writes them, found again. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from atlas_otel.calls.model_call import Cut, Media, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.calls.model_call import Message, Part

LEFT_OUT: Final = "atlas.truncated"
"""The one key of the object that stands in a list where entries were left out."""
_INSIDE: Final = re.compile(r"…\[(\d+) bytes, cut by atlas-otel\]…")
_CUT: Final = "cut by atlas-otel"
_DESCRIBED: Final = re.compile(
    r"<(?:[\w<>]+(?:\.[\w<>]+)+|(?:function|method|class|module|generator|coroutine|async_generator) [\w.<>]+)>"
)


def left_out(value: object) -> Cut | None:
    """What an entry of a list says was left out of the list; None where it is an entry like others."""
    held = value.get(LEFT_OUT) if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(held, dict):
        return None
    return Cut(_count(held.get("messages", held.get("items"))), _count(held.get("bytes")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def missing_in(parts: Iterable[Part]) -> int:
    """How many bytes are missing inside of the texts of these parts, and where parts were left out."""
    total = 0
    for part in parts:
        if isinstance(part, (Text, Reasoning, Refusal)):
            total += _missing(part.text)
        elif isinstance(part, ToolCall):
            total += _missing(part.arguments_text)
        elif isinstance(part, ToolResult):
            total += missing_in(part.parts)
        elif isinstance(part, Media) and part.data is not None:
            total += _missing(part.data)
        elif isinstance(part, Unknown) and (gone := left_out(part.value)) is not None:
            total += max(gone.bytes, 1)
    return total


def is_described(text: str) -> bool:
    """Whether a text is all that capture kept of an object: its type. Nobody said that."""
    return _DESCRIBED.fullmatch(text) is not None


def is_cut(text: str) -> bool:
    """Whether a limit took something out of a text."""
    return _CUT in text


def _missing(text: str) -> int:
    if not is_cut(text):
        return 0
    return sum(max(int(found[1]) - len(text.encode("utf-8", "replace")), 1) for found in _INSIDE.finditer(text))


def cut(message: Message, missing: int) -> Message:
    """The message, marked as one of which so many bytes are missing."""
    return replace(message, cut_bytes=missing)
