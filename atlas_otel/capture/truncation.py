"""How a cut shows in what is left: a marker inside a text, an entry in an object or list. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUNCATED: Final = "atlas.truncated"
"""Key of the marker that stands where entries were left out."""

_TAIL: Final = 4  # one byte in so many of a cut string is kept from its end
_MASK: Final = 0b1100_0000
_CONTINUES: Final = 0b1000_0000
"""In UTF-8, a byte that the one before it is not whole without."""


def bound_text(text: str, limit: int) -> str:
    """``text`` cut to ``limit`` bytes of UTF-8 (or, below that, to its marker), at the bounds of code points."""
    if len(text) * 4 <= limit:
        return text
    if text.isascii():  # which Python knows without a look: a giant is not copied to be cut
        if len(text) <= limit:
            return text
        marker, head, tail = _shares(len(text), limit)
        return f"{text[:head]}{marker}{text[len(text) - tail :]}"
    data = text.encode(errors="surrogatepass")
    return cut(data, limit).decode(errors="surrogatepass") if len(data) > limit else text


def cut_marker(size: int) -> str:
    """What stands in place of what was cut out of a text of ``size`` bytes."""
    return f"…[{size} bytes, cut by atlas-otel]…"


def cut(data: bytes, limit: int) -> bytes:
    """UTF-8 of more than ``limit`` bytes, cut at the bounds of code points."""
    marker, head, tail = _shares(len(data), limit)
    rest = len(data) - tail
    while head and head < len(data) and data[head] & _MASK == _CONTINUES:
        head -= 1
    while rest < len(data) and data[rest] & _MASK == _CONTINUES:
        rest += 1
    return data[:head] + marker.encode() + data[rest:]


def _shares(size: int, limit: int) -> tuple[str, int, int]:
    """The marker of a text of ``size`` bytes, and how many are kept before and behind it."""
    marker = cut_marker(size)
    keep = min(max(limit - len(marker.encode()), 0), size)
    tail = keep // _TAIL
    return marker, keep - tail, tail


def left_out(marker: object, what: str) -> int:
    """How many ``items`` or ``entries`` a marker says were left out; 0 for anything else."""
    if type(marker) is not dict or len(marker) != 1:
        return 0
    said = marker.get(TRUNCATED)
    number = said.get(what) if type(said) is dict else None
    return number if type(number) is int else 0


def unused(tree: Mapping[str, object], key: str, repeats: dict[str, int]) -> str:
    """``key``, or with ``#2``, ``#3``, … behind it where ``tree`` has it already; ``repeats`` remembers the numbers."""
    if key not in tree:
        return key
    number = repeats.get(key, 1) + 1
    while f"{key}#{number}" in tree:
        number += 1
    repeats[key] = number
    return f"{key}#{number}"
