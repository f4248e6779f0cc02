"""A list of messages cut to a size: images and files first, then whole messages, the oldest first; inside of one only
where it is too large by itself. Pure.

What was left out says so in the list, ``{"atlas.truncated": {"messages": 12, "bytes": 34567}}``, behind the system's
messages; data that was left out, where it stood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeGuard

import orjson

from atlas_otel.capture.bounding import LEAST_SHARE, bound_strings, bound_tree
from atlas_otel.capture.truncation import TRUNCATED, cut_marker

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

_MESSAGES: Final = "messages"
_ENTRY_BYTES: Final = len(',"messages":')
_SAYS: Final = ("parts", "content")
_DATA_BYTES: Final = 1024
"""Shorter texts are no images."""
_MARKER_BYTES: Final = 96
_NAMED: Final = frozenset(
    {"data", "base64", "content", "url", "file_data", "bytes", "image", "image_url", "file", "audio", "document_url"}
)
"""Keys that data stands under, within a part that is no text."""


def is_messages(tree: object) -> TypeGuard[list[JsonObject]]:
    """Whether a list holds messages and nothing else."""
    if not isinstance(tree, list) or not tree:
        return False
    return all(
        isinstance(one, dict) and (("role" in one and any(key in one for key in _SAYS)) or one.keys() == {TRUNCATED})
        for one in tree
    )


def bound_value(tree: JsonValue, limit: int) -> JsonValue:
    """The tree cut so that its JSON text has at most ``limit`` bytes, as by ``bound_tree``; messages, at the top or
    under ``messages``, are cut between each other first. The very same tree where it fits."""
    if is_messages(tree):
        return bound_messages(tree, limit)
    limit = max(limit, LEAST_SHARE)
    if isinstance(tree, dict) and is_messages(held := tree.get(_MESSAGES)) and len(orjson.dumps(tree)) > limit:
        others: JsonValue = {key: value for key, value in tree.items() if key != _MESSAGES}
        rest = bound_tree(others, max(limit - _ENTRY_BYTES - len(orjson.dumps(held)), limit // 2))
        kept = bound_messages(held, limit - _ENTRY_BYTES - len(orjson.dumps(rest)))
        if kept is not held or rest is not others:
            assert isinstance(rest, dict)
            tree = {**rest, _MESSAGES: kept}
    return bound_tree(tree, limit)


def bound_foreign(tree: JsonValue, string_limit: int, limit: int) -> JsonValue:
    """The same for what others recorded: each string has at most ``string_limit`` bytes, except in messages, which have
    the limit of the whole only."""
    if is_messages(tree):
        return bound_messages(tree, limit)
    if isinstance(tree, dict) and is_messages(tree.get(_MESSAGES)):
        others = {key: value for key, value in tree.items() if key != _MESSAGES}
        rest = bound_strings(others, string_limit)
        return bound_value(tree if rest is others else {**rest, _MESSAGES: tree[_MESSAGES]}, limit)
    return bound_value(bound_strings(tree, string_limit), limit)


def bound_messages(messages: list[JsonObject], limit: int) -> list[Any]:
    """The messages cut so that their JSON text has at most ``limit`` bytes, or ``LEAST_SHARE`` where that is more; the
    very same list where it has."""
    limit = max(limit, LEAST_SHARE) - 1  # two brackets, and a comma less than the sizes count
    sizes = [_size(one) for one in messages]
    if sum(sizes) <= limit:
        return messages
    kept = list(messages)
    over = sum(sizes) - limit
    for number, one in enumerate(kept):
        if over <= 0:
            break
        lean = _without_data(one)
        if lean is not one:
            kept[number], size = lean, _size(lean)
            over -= sizes[number] - size
            sizes[number] = size
    return kept if over <= 0 else _fewer(kept, sizes, limit)


def _fewer(messages: list[JsonObject], sizes: list[int], limit: int) -> list[JsonObject]:
    """The system's messages, the newest of the others that fit, and a mark; without the system's where they alone are
    too much."""
    head = next((at for at, one in enumerate(messages) if one.get("role") not in ("system", "developer")), 0)
    if sum(sizes[:head]) + sizes[-1] + _MARKER_BYTES > limit:
        head = 0
    room = limit - sum(sizes[:head]) - _MARKER_BYTES
    begin = len(messages) - 1
    room -= sizes[begin]
    while begin > head and sizes[begin - 1] <= room:
        begin -= 1
        room -= sizes[begin]
    left_out = sum(sizes[head:begin])
    marker: list[Any] = [{TRUNCATED: {"messages": begin - head, "bytes": left_out}}] if begin > head else []
    kept = [*messages[:head], *marker, *messages[begin:]]
    return kept if room >= 0 else _inside(kept, limit)


def _inside(messages: list[JsonObject], limit: int) -> list[JsonObject]:
    """Cut within the messages: the largest get what the others leave."""
    cut = bound_tree(list(messages), limit)
    assert isinstance(cut, list)
    return [one for one in cut if isinstance(one, dict)]


def _size(value: object) -> int:
    """With its comma."""
    return len(orjson.dumps(value)) + 1


def _without_data(message: JsonObject) -> JsonObject:
    """The message with a mark in place of each image's or file's data; the very same where it has none."""
    for key in _SAYS:
        parts = message.get(key)
        if isinstance(parts, list):
            lean = [_lean_part(part) for part in parts]
            if any(new is not old for new, old in zip(lean, parts, strict=True)):
                message = {**message, key: lean}
    return message


def _lean_part(part: JsonValue) -> JsonValue:
    if not isinstance(part, dict):
        return part
    kind = part.get("type")
    if kind in ("text", "reasoning", "thinking", "tool_call", "tool_use", "function", "refusal"):
        return part
    if kind in ("tool_call_response", "tool_result"):
        held = next((key for key in ("response", "content") if isinstance(part.get(key), list)), None)
        if held is None:
            return part
        inner = part[held]
        assert isinstance(inner, list)
        lean = [_lean_part(one) for one in inner]
        return {**part, held: lean} if any(n is not o for n, o in zip(lean, inner, strict=True)) else part
    return _lean(part)


def _lean(value: JsonObject) -> JsonObject:
    """A part that is no text, without its data."""
    found: JsonObject = {}
    changed = False
    for key, one in value.items():
        new: JsonValue = one
        if isinstance(one, str) and key in _NAMED and len(one) > _DATA_BYTES:
            new = cut_marker(len(one.encode("utf-8", "replace")))
        elif isinstance(one, dict):
            new = _lean(one)
        found[key] = new
        changed = changed or new is not one
    return found if changed else value
