"""What a stream yielded, as it was when it was yielded: a program may go on changing the object, as graph libraries do.

Bounded in cost, however often a growing object is yielded: a stream's items may take :data:`STREAM_BYTES` together;
after that only the latest is kept, and of it :data:`LAST_BYTES`. What is missing is marked where it is missing.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from atlas_otel.capture.normalise import MAX_DEPTH, is_plain, to_tree
from atlas_otel.capture.truncation import TRUNCATED
from atlas_otel.capture.value_forms import NODE

KEPT_ITEMS: Final = 100_000
"""How many items of a stream are kept; the rest is counted."""
STREAM_BYTES: Final = 4 * 1_048_576
"""Bytes of JSON, or of budget, that items may take together. Texts, which nobody can change, are kept as they are."""
LAST_BYTES: Final = 16_384
_FIXED: Final = (str, int, float, bool, bytes, type(None))


class StreamItems:
    """The items of one stream.

    ``for_reducer``: a function of the user's makes something of them, which wants its own objects. Of those built-in
    containers are copied; other objects stay the ones that were yielded.
    """

    __slots__ = ("_for_reducer", "_items", "_last", "_left", "_missing", "_opaque", "described", "failures", "seen")

    def __init__(self, *, for_reducer: bool = False, opaque: bool = True) -> None:
        self._for_reducer = for_reducer
        self._opaque = opaque
        self._items: list[Any] = []
        self._left = STREAM_BYTES
        self._last: tuple[Any, ...] = ()
        self._missing = 0
        self.seen = 0
        """How many there were."""
        self.described: dict[str, None] = {}
        """Types of which only the name is kept."""
        self.failures = 0
        """How many parts of items could not be read."""

    def add(self, value: object) -> None:
        """Keep an item as it is now."""
        self.seen += 1
        if self._for_reducer:
            if len(self._items) < KEPT_ITEMS:
                self._items.append(self._copied(value, 0))
        elif type(value) in _FIXED:
            self._keep(value, 0)
        elif self._left > 0:
            self._keep(*self._read(value, self._left))
        else:
            self._keep_last(self._read(value, LAST_BYTES)[0])

    def all(self) -> list[Any]:
        """The items, oldest first; a marker stands where some are missing."""
        if not self._last:
            return self._items
        between = self._missing - len(self._last)
        marker = [{TRUNCATED: {"items": between}}] if between > 0 else []
        return [*self._items, *marker, *self._last]

    def _keep(self, item: Any, size: int) -> None:
        if len(self._items) < KEPT_ITEMS and not self._last:
            self._items.append(item)
            self._left -= size
        else:
            self._keep_last(item)

    def _keep_last(self, item: Any) -> None:
        self._missing += 1
        self._last = (item,)

    def _read(self, value: object, budget: int) -> tuple[Any, int]:
        """The item as a JSON tree of its own, and what it took."""
        if is_plain(value, budget // NODE):
            try:
                data = orjson.dumps(value)
                return orjson.loads(data), len(data)
            except (TypeError, ValueError):  # keys that are no strings: the careful way has an answer
                pass
        read = to_tree(value, budget=budget, string_bytes=budget, opaque=self._opaque)
        self.failures += read.failures
        self.described.update(dict.fromkeys(read.described))
        return read.tree, len(orjson.dumps(read.tree)) + NODE

    def _copied(self, value: Any, depth: int) -> Any:
        """Built-in containers anew, as far as the budget goes; all else as it is."""
        kind = type(value)
        if kind not in (dict, list, set, tuple) or self._left <= 0 or depth > MAX_DEPTH:
            return value
        self._left -= NODE * (len(value) + 1)
        if kind is dict:
            return {key: self._copied(item, depth + 1) for key, item in list(value.items())}
        if kind is list:
            return [self._copied(item, depth + 1) for item in value[:]]
        return value.copy() if kind is set else tuple([self._copied(item, depth + 1) for item in value])
