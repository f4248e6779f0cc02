"""A JSON tree cut to a size from within, so that what is left is JSON and says what is missing. Pure, deterministic.

A string keeps its beginning and its end, with a marker between them that holds its size in bytes. An object or list
that is too large first has its largest parts cut, each to the same share; where that does not do, its first entries
are kept and a marker is added: ``{"atlas.truncated": {"items": 12, "bytes": 34567}}`` (``entries`` in an object): how
many were left out, and how large the whole was. Where the rest was never read (``normalise``), its size is not known
and ``bytes`` is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from atlas_otel.capture.truncation import TRUNCATED, bound_text, cut, left_out, unused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.models.json_types import JsonValue

LEAST_SHARE: Final = 160
"""Bytes: no object or list is cut to less, so that a marker has room; so a limit below it works as this."""
_LEAST_STRING: Final = 64
_FEW: Final = 1024  # of very many parts, so many are kept whole rather than scraps of all
_MARKER_BYTES: Final = 96
_SHORTEST_ENTRY: Final = len('"":0,')
_ESCAPES: Final = [(one.encode(), orjson.dumps(one)[1:-1]) for one in ("\\", '"', *map(chr, range(32)))]
"""What stands otherwise in a JSON string; the backslash first, since the others' escapes hold it."""


def bound_text_as_json(text: str, limit: int) -> str | orjson.Fragment:
    """The same; what was cut as the JSON of it. orjson would have to encode it anew, which for text that is not ASCII
    takes more than all else."""
    if len(text) * 4 <= limit:
        return text
    data = text.encode()  # which orjson has remembered, where it has written this very text before
    return orjson.Fragment(_quoted(cut(data, limit))) if len(data) > limit else text


def bound_strings(tree: Any, limit: int, bound: Callable[[str, int], Any] = bound_text) -> Any:
    """The tree with each string and key cut to ``limit`` bytes; the very same tree where none is longer. ``bound`` cuts
    the strings."""
    if isinstance(tree, str):
        return bound(tree, limit)
    if isinstance(tree, (list, tuple)):
        items = [bound_strings(item, limit, bound) for item in tree]
        return items if any(new is not old for new, old in zip(items, tree, strict=True)) else tree
    if isinstance(tree, dict):
        same = True
        entries: dict[str, Any] = {}
        repeats: dict[str, int] = {}
        for key, old in tree.items():
            name = bound_text(key, limit)
            new = bound_strings(old, limit, bound)
            same = same and new is old and name is key
            entries[unused(entries, name, repeats)] = new
        return tree if same else entries
    return tree


def bound_tree(tree: JsonValue, limit: int) -> JsonValue:
    """The tree cut so that its JSON text has at most ``limit`` bytes, or :data:`LEAST_SHARE` where that is more."""
    limit = max(limit, LEAST_SHARE)
    size = _size(tree)
    return tree if size <= limit else _fit(tree, size, limit)


def strings_fit(value: object, limit: int) -> bool:
    """Whether no string or key in a value of plain built-in types has more than ``limit`` bytes."""
    level: list[object] = [value]
    while level:
        below: list[object] = []
        for node in level:
            if isinstance(node, str):
                if len(node) * 4 > limit and len(node.encode()) > limit:
                    return False
            elif isinstance(node, dict):
                below += node
                below += node.values()
            elif isinstance(node, (list, tuple)):
                below += node
        level = below
    return True


def _size(tree: object) -> int:
    return len(orjson.dumps(tree))


def _quoted(data: bytes) -> bytes:
    """The JSON string of a text in UTF-8, as orjson writes it."""
    for plain, escaped in _ESCAPES:
        if plain in data:
            data = data.replace(plain, escaped)
    return b'"%b"' % data


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
        text = cut(data, keep).decode()
        size = _size(text)
        if size <= limit or keep <= 0:
            return text
        keep = min(keep - 1, keep * limit // size)  # escapes take more room: less is kept in proportion


def _fit_list(tree: list[JsonValue], size: int, limit: int) -> JsonValue:
    unread = left_out(tree[-1], "items") if tree else 0
    tree = tree[:-1] if unread else tree
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
    if missing := len(tree) - len(kept) + unread:
        kept.append({TRUNCATED: {"items": missing} if unread else {"items": missing, "bytes": size}})
    return kept


def _fit_object(tree: dict[str, JsonValue], size: int, limit: int) -> JsonValue:
    unread = left_out({TRUNCATED: tree.get(TRUNCATED)}, "entries")
    if unread:
        tree = {key: item for key, item in tree.items() if key != TRUNCATED}
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
    if missing := len(tree) - len(kept) + unread:
        said: dict[str, JsonValue] = {"entries": missing} if unread else {"entries": missing, "bytes": size}
        kept[unused(kept, TRUNCATED, {})] = said
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
