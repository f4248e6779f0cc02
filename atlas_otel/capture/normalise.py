"""Any Python value → a JSON tree that every sink takes, without harm to whoever owns the value. Pure.

*Normalised* means: no NaN and no infinity (the strings ``NaN``, ``Infinity``, ``-Infinity``, as protobuf's JSON mapping
writes them), integers outside of what 64 bits hold (-2^63 … 2^64-1) as strings, NUL and lone surrogates as U+FFFD
(Postgres refuses both), object keys as strings, at most :data:`MAX_DEPTH` levels.

:func:`is_plain` says whether orjson's own output of a value is already that. It must be asked first: orjson holds
borrowed references while it encodes, so any Python code that runs meanwhile (a ``default`` hook, an enum's
``value``) lets another thread change the value under it, which ends the process (seen with orjson 3.13). Values made of
exact built-in types run no Python code. All others go through :func:`to_tree`, which takes a copy of each container.

How each kind of value is written: :mod:`~atlas_otel.capture.value_forms`.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from atlas_otel.capture.value_forms import LEAVES, clean, describe, form_of, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue

MAX_DEPTH: Final = 200
"""Containers within containers; deeper ones are marked. orjson encodes 254: the rest is for what encloses it later."""
MAX_NODES: Final = 10_000_000
"""Values within one value; what comes after is counted and left out. It stops structures that share their parts
(ten lists of ten times the same ten lists …) from being written out without end."""
TRUNCATED: Final = "atlas.truncated"
"""Key of the marker that stands where entries were left out."""

_TOO_DEEP: Final = f"<nested deeper than {MAX_DEPTH}>"
_CONTAINERS: Final = frozenset({dict, list, tuple})
_PLAIN: Final = _CONTAINERS | {str, int, float, bool, type(None)}
_CHECKED_LEVEL: Final = 64
_SMALL: Final = 8
_PLAIN_NODES: Final = 2_000_000


def is_plain(value: object, nodes: int = _PLAIN_NODES) -> bool:
    """Whether ``value`` is made of at most ``nodes`` finite values of exact built-in types, at most MAX_DEPTH deep.

    NUL, surrogates, integers over 64 bits and keys that are no strings are for the caller to find: orjson refuses all
    but the first. Runs no code of the value's.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return kind in _PLAIN and (kind is not float or value - value == 0.0)  # type: ignore[operator]
    pending: list[Any] = [value]
    for node in pending:
        if len(node) > _SMALL or len(pending) > _SMALL:
            return _is_plain_throughout(value, nodes)
        for child in node.values() if type(node) is dict else node:
            kind = type(child)
            if kind in _CONTAINERS:
                pending.append(child)
            elif kind not in _PLAIN or (kind is float and child - child != 0.0):
                return False
    return True


def _is_plain_throughout(value: object, nodes: int) -> bool:
    """The same for more than a few values: ``gc.get_referents`` gives a whole level at once, in half a loop's time."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = gc.get_referents(*level)
        nodes -= len(level)
        kinds = set(map(type, level))
        if nodes < 0 or not kinds <= _PLAIN:
            return False
        if float in kinds:
            total = sum([number for number in level if type(number) is float])
            if total - total != 0.0:
                return False
        if kinds.isdisjoint(_CONTAINERS):
            return True
        if len(level) > _CHECKED_LEVEL:
            # Many references to one large list would make a level larger than memory.
            level = [node for node in level if type(node) in _CONTAINERS]
            if sum(map(len, level)) > nodes:
                return False
    return False


class Normalised(NamedTuple):
    """A JSON tree; how many parts could only be described because they raised; how many were left out unread."""

    tree: JsonValue
    failures: int = 0
    omitted: int = 0


def to_tree(value: object, *, nodes: int = MAX_NODES, opaque: bool = True) -> Normalised:
    """The normalised JSON tree of any value.

    ``nodes`` is how many values are read before the rest is counted and left out. ``opaque``: whether what cannot be
    read as text (bytes that are no UTF-8) may stand in it, encoded. Never consumes an iterator. Raises nothing that is
    an Exception but RecursionError, where the caller's own stack is all but used up.
    """
    reading = _Reading(nodes, opaque)
    return Normalised(reading.read(value, 1), reading.failures, reading.omitted)


def unused(tree: Mapping[str, object], key: str, repeats: dict[str, int]) -> str:
    """``key``, or with ``#2``, ``#3``, … behind it where ``tree`` has it already; ``repeats`` remembers the numbers."""
    if key not in tree:
        return key
    number = repeats.get(key, 1) + 1
    while f"{key}#{number}" in tree:
        number += 1
    repeats[key] = number
    return f"{key}#{number}"


class _Reading:
    """One value being read: what is left of the budget, and which containers enclose the one at hand."""

    __slots__ = ("failures", "left", "omitted", "opaque", "path")

    def __init__(self, nodes: int, opaque: bool) -> None:
        self.left = nodes
        self.opaque = opaque
        self.path: set[int] = set()
        self.failures = 0
        self.omitted = 0

    def read(self, value: Any, depth: int) -> JsonValue:
        kind = type(value)
        if kind is str:
            return clean(value)
        if value is None or kind is bool:
            return value  # type: ignore[no-any-return]
        try:
            form = form_of(kind)  # type: ignore[arg-type]  # a type is hashable
        except Exception:  # unless its metaclass says otherwise
            self.failures += 1
            return describe(value)
        if form in LEAVES:
            try:
                return form(self, value, depth)
            except Exception:  # the value's own code, or a value that is not what its type promises
                self.failures += 1
                return describe(value)
        if depth > MAX_DEPTH:
            return _TOO_DEEP
        identity = id(value)
        if identity in self.path:
            return f"<circular {type_name(kind)}>"
        self.path.add(identity)
        try:
            return form(self, value, depth)
        except RecursionError:
            return _TOO_DEEP
        except Exception:  # as above, or another thread kept changing it
            self.failures += 1
            return describe(value)
        finally:
            self.path.discard(identity)

    # --- containers --------------------------------------------------------------------------------------------------

    def entries(self, entries: Mapping[Any, Any], depth: int) -> JsonObject:
        """An object from a mapping that nobody else holds."""
        tree: JsonObject = {}
        repeats: dict[str, int] = {}
        for number, (key, value) in enumerate(entries.items()):
            if self.left <= 0:
                self.omitted += len(entries) - number
                tree[unused(tree, TRUNCATED, repeats)] = {"entries": len(entries) - number}
                break
            self.left -= 1
            tree[unused(tree, self.key(key, depth), repeats)] = self.read(value, depth + 1)
        return tree

    def items(self, items: Iterable[Any], size: int, depth: int) -> list[JsonValue]:
        """A list from a sequence that nobody else holds."""
        tree: list[JsonValue] = []
        for number, value in enumerate(items):
            if self.left <= 0:
                self.omitted += size - number
                tree.append({TRUNCATED: {"items": size - number}})
                break
            self.left -= 1
            tree.append(self.read(value, depth + 1))
        return tree

    def key(self, key: object, depth: int) -> str:
        """A mapping's key as text."""
        if type(key) is str:
            return clean(key)
        tree = self.read(key, depth + 1)
        return tree if isinstance(tree, str) else orjson.dumps(tree).decode()
