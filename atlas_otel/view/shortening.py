"""A long value cut to what a trace storage takes: messages between each other, all else from within. Pure.

Of a conversation the system's messages, the first of the others and the newest ones stay whole; what lies between is
one message, ``… 31 messages, 48,210 bytes …``. What is cut stays JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from atlas_otel.capture.bounding import bound_tree
from atlas_otel.capture.message_bounding import bound_value, is_messages
from atlas_otel.capture.truncation import TRUNCATED, bound_text

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

_SYSTEM: Final = ("system", "developer")
_SUMMARY_BYTES: Final = 160
_LEAST_MESSAGE: Final = 512
"""Bytes: a message that is too long itself is cut to no less, as long as there is room."""


def shortened(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` bytes of UTF-8 (160 at least); JSON stays JSON. The very same where it fits.

    >>> said = [{"role": "user", "parts": [{"type": "text", "content": str(n) * 90}]} for n in range(9)]
    >>> [m["parts"][0]["content"][:12] for m in orjson.loads(shortened(orjson.dumps(said).decode(), 700))]
    ['000000000000', '… 6 messages', '777777777777', '888888888888']
    """
    if len(text) * 4 <= limit or len(text.encode(errors="surrogatepass")) <= limit:
        return text
    if text.lstrip()[:1] in ("[", "{", '"'):
        try:
            tree = orjson.loads(text)
            cut = shorten_messages(tree, limit) if is_messages(tree) else bound_value(tree, limit)
            data = orjson.dumps(cut)
            return (data if len(data) <= limit else orjson.dumps(bound_value(tree, limit))).decode()
        except (ValueError, RecursionError):
            pass
    return bound_text(text, limit)


def shorten_messages(messages: list[JsonObject], limit: int) -> list[Any]:
    """Messages whose JSON has at most ``limit`` bytes, or a little over 1 kB where that is more."""
    sizes = [len(orjson.dumps(one)) + 1 for one in messages]
    if sum(sizes) + 1 <= limit:
        return messages
    head = next((at for at, one in enumerate(messages) if one.get("role") not in _SYSTEM), len(messages)) + 1
    head = min(head, len(messages) - 1)  # the last one is never in the middle
    room = limit - 2 - _SUMMARY_BYTES
    first = _fitting(messages[:head], sizes[:head], max(room // 2, _LEAST_MESSAGE))
    room -= _size(first)
    begin = len(messages) - 1
    if sizes[begin] > room:
        last: list[Any] = [_cut(messages[begin], max(room, _LEAST_MESSAGE))]
    else:
        room -= sizes[begin]
        while begin > head and sizes[begin - 1] <= room:
            begin -= 1
            room -= sizes[begin]
        last = messages[begin:]
    between = messages[head:begin]
    return [*first, *([_summary(between, sum(sizes[head:begin]))] if between else []), *last]


def _fitting(messages: list[JsonObject], sizes: list[int], room: int) -> list[Any]:
    """All of them, each within its share of ``room``."""
    left, room_left = len(messages), room
    shares: dict[int, int] = {}
    for at in sorted(range(len(messages)), key=sizes.__getitem__):
        shares[at] = min(sizes[at], room_left // left)
        room_left -= shares[at]
        left -= 1
    return [
        one if sizes[at] <= shares[at] else _cut(one, max(shares[at], _LEAST_MESSAGE))
        for at, one in enumerate(messages)
    ]


def _cut(message: JsonObject, limit: int) -> JsonValue:
    """One message within ``limit``: the beginning and the end of its texts."""
    cut = bound_tree(message, limit)
    if isinstance(cut, dict) and "role" in cut and ("parts" in cut or "content" in cut):
        return cut
    role = message.get("role")
    return _message(role if isinstance(role, str) else "user", f"… a message of {_size([message]):,} bytes …")


def _summary(messages: list[JsonObject], size: int) -> JsonObject:
    """What stands for those that were left out; some of them may stand for others themselves."""
    number = sum(_left_out(one) for one in messages)
    what = "message" if number == 1 else "messages"
    return _message("system", f"… {number:,} {what}, {size:,} bytes …")


def _left_out(message: JsonObject) -> int:
    said = message.get(TRUNCATED)
    number = said.get("messages") if isinstance(said, dict) else None
    return number if isinstance(number, int) else 1


def _message(role: str, text: str) -> JsonObject:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _size(messages: list[Any]) -> int:
    return sum(len(orjson.dumps(one)) + 1 for one in messages)
