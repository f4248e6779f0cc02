"""A JSON tree cut to a size from within, so that what is left is JSON and says what is missing. Pure, deterministic.

A string keeps its beginning and its end, with a marker between them that holds its size in bytes. An object or list
that is too large first has its largest parts cut, each to the same share; where that does not do, its first entries
are kept and a marker is added: ``{"atlas.truncated": {"items": 12, "bytes": 34567}}`` (``entries`` in an object), which
holds how many were left out and how large the whole was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from atlas_otel.normalise import TRUNCATED, unused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonValue

LEAST_SHARE: Final = 160
"""Bytes: no object or list is cut to less, so that a marker has room; so a limit below it works as this."""
_LEAST_STRING: Final = 64
_FEW: Final = 1024  # of very many parts, so many are kept whole rather than scraps of all
_MARKER_BYTES: Final = 96
_SHORTEST_ENTRY: Final = len('"":0,')
_TAIL: Final = 4  # one byte in so many of a cut string is kept from its end


def bound_text(text: str, limit: int) -> str:
    """``text`` cut to ``limit`` bytes of UTF-8 (or, below that, to its marker), at the bounds of code points."""
    if len(text) * 4 <= limit:
        return text
    data = text.encode()
    return _cut(data, limit) if len(data) > limit else text


def bound_strings(tree: JsonValue, limit: int) -> JsonValue:
    """The tree with each string and key cut to ``limit`` bytes; the very same tree where none is longer."""
    if isinstance(tree, str):
        return bound_text(tree, limit)
    if isinstance(tree, list):
        items = [bound_strings(item, limit) for item in tree]
        return items if any(new is not old for new, old in zip(items, tree, strict=True)) else tree
    if isinstance(tree, dict):
        same = True
        entries: dict[str, JsonValue] = {}
        repeats: dict[str, int] = {}
        for key, old in tree.items():
            name = bound_text(key, limit)
            new = bound_strings(old, limit)
            same = same and new is old and name is key
            entries[unused(entries, name, repeats)] = new
        return tree if same else entries
    return tree


def bound_tree(tree: JsonValue, limit: int) -> JsonValue:
    """The tree cut so that its JSON text has at most ``limit`` bytes, or :data:`LEAST_SHARE` where that is more."""
    limit = max(limit, LEAST_SHARE)
    size = _size(tree)
    return tree if size <= limit else _fit(tree, size, limit)


def longest_string(value: object) -> int:
    """Characters of the longest string or key in a value of plain built-in types."""
    longest = 0
    level: list[object] = [value]
    while level:
        below: list[object] = []
        for node in level:
            if isinstance(node, str):
                longest = max(longest, len(node))
            elif isinstance(node, dict):
                below += node.values()
                longest = max(longest, max(map(len, node), default=0))
            elif isinstance(node, (list, tuple)):
                below += node
        level = below
    return longest


def _size(tree: object) -> int:
    return len(orjson.dumps(tree))


def _cut(data: bytes, limit: int) -> str:
    marker = f"…[{len(data)} bytes, cut by atlas-otel]…"
    keep = max(limit - len(marker.encode()), 0)
    tail = keep // _TAIL
    end = data[len(data) - tail :] if tail else b""
    return data[: keep - tail].decode(errors="ignore") + marker + end.decode(errors="ignore")


def _fit(tree: JsonValue, size: int, limit: int) -> JsonValue:
    """What is over ``limit`` (its least share or more), within it."""
    if isinstance(tree, str):
        return _fit_text(tree, limit)
    if isinstance(tree, list):
        return _fit_list(tree, size, limit)
    if isinstance(tree, dict):
        return _fit_object(tree, size, limit)
    return tree  # a number or a constant: shorter than any limit


def _fit_text(text: str, limit: int) -> str:
    """A string whose JSON form, with its escapes, fits."""
    data = text.encode()
    keep = min(limit, len(data)) - 2
    while True:
        cut = _cut(data, keep)
        size = _size(cut)
        if size <= limit or keep <= 0:
            return cut
        keep = min(keep - 1, keep * limit // size)  # escapes take more room: less is kept in proportion


def _fit_list(tree: list[JsonValue], size: int, limit: int) -> JsonValue:
    room = limit - 2 - _MARKER_BYTES
    sizes: list[int] = []
    least = 0
    for item in tree:
        had = _size(item) + 1  # with its comma
        least += min(had, _least(item, limit) + 1)
        if least > room:
            break
        sizes.append(had)
    share = _share(sizes, room)
    kept: list[JsonValue] = [_shrunk(item, had, share) for item, had in zip(tree, sizes, strict=False)]
    if len(kept) < len(tree):
        kept.append({TRUNCATED: {"items": len(tree) - len(kept), "bytes": size}})
    return kept


def _fit_object(tree: dict[str, JsonValue], size: int, limit: int) -> JsonValue:
    room = limit - 2 - _MARKER_BYTES
    names: list[str] = []
    sizes: list[int] = []
    taken = 0
    for key, item in tree.items():
        if room < _SHORTEST_ENTRY:
            break
        base = _size(key) + 2  # with colon and comma
        had = _size(item)
        least = min(had, _least(item, limit))
        if base + least <= room:  # a giant key must not cost the entries after it
            room -= base + least
            taken += least
            names.append(key)
            sizes.append(had)
    share = _share(sizes, room + taken)
    kept = {key: _shrunk(tree[key], had, share) for key, had in zip(names, sizes, strict=True)}
    if len(kept) < len(tree):
        kept[unused(kept, TRUNCATED, {})] = {"entries": len(tree) - len(kept), "bytes": size}
    return kept


def _least(item: JsonValue, limit: int) -> int:
    """What an entry of something that may have ``limit`` bytes is worth keeping with."""
    return max(_LEAST_STRING if isinstance(item, str) else LEAST_SHARE, limit // _FEW)


def _shrunk(item: JsonValue, had: int, share: int) -> JsonValue:
    return item if had <= share else _fit(item, had, max(share - 1, _LEAST_STRING))


def _share(sizes: Sequence[int], room: int) -> int:
    """The largest share such that the sizes, each cut to it, fill no more than ``room``."""
    left = len(sizes)
    for size in sorted(sizes):
        if size * left > room:
            return max(room // left, 0)
        room -= size
        left -= 1
    return max(sizes, default=0)
