"""Any Python value → a JSON tree that every sink takes, without harm to whoever owns the value. Pure.

*Normalised* means: no NaN and no infinity (the strings ``NaN``, ``Infinity``, ``-Infinity``, as protobuf's JSON mapping
writes them), integers outside of what 64 bits hold (-2^63 … 2^64-1) as strings, NUL and lone surrogates as U+FFFD
(Postgres refuses both), object keys as strings, at most :data:`MAX_DEPTH` levels.

:func:`is_plain` says whether orjson's own output of a value is already that. It must be asked first: orjson holds
borrowed references while it encodes, so any Python code that runs meanwhile (a ``default`` hook, an enum's
``value``) lets another thread change the value under it, which ends the process (seen with orjson 3.13). Values made of
exact built-in types run no Python code. All others go through :func:`to_tree`, which takes a copy of each container.

How each kind of value is written: :mod:`~atlas_otel.capture.value_forms` and what it names.

Reading has a budget, so that what would be cut afterwards is not read: each value takes ``NODE`` bytes of it, and each
character of a text one. What comes after is counted and marked. Every container leaves a little for what stands behind
each of its entries, so that a giant does not hide its neighbours.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from atlas_otel.capture.forms import form_of
from atlas_otel.capture.truncation import TRUNCATED, bound_text, unused
from atlas_otel.capture.value_forms import LEAVES, NODE, clean, describe, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.models.json_types import JsonObject, JsonValue

MAX_DEPTH: Final = 200
"""Containers within containers; deeper ones are marked. orjson encodes 254: the rest is for what encloses it later."""
MAX_NODES: Final = 10_000_000
"""Values within one value that is kept whole; what comes after is counted and left out. It stops structures that share
their parts (ten lists of ten times the same ten lists …) from being written out without end."""
MAX_DESCRIBED: Final = 8
"""How many types that were only described are named."""

_TOO_DEEP: Final = f"<nested deeper than {MAX_DEPTH}>"
_CONTAINERS: Final = frozenset({dict, list, tuple})
_PLAIN: Final = _CONTAINERS | {str, int, float, bool, type(None)}
_CHECKED_LEVEL: Final = 64
_SMALL: Final = 8
_PLAIN_NODES: Final = 1_000_000
_TEXT_PER_NODE: Final = 5
"""As a power of two: so many characters of text count as one value."""
_LOOKED_AT: Final = 8
_LONG: Final = 8 * 1_048_576
"""Characters: a longer text is cut before it is encoded."""
_SHARE: Final = 512
"""Bytes of the budget that an entry leaves to each one behind it, of the next :data:`_SHARED` at most."""
_SHARED: Final = 64


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
            elif kind is str:
                if len(child) > _LONG:
                    return False
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
        if str in kinds:
            # From a few of them, evenly spread: a guess is enough to tell megabytes from what is too much.
            every = len(level) // _LOOKED_AT + 1
            nodes -= every * sum([len(text) for text in level[::every] if type(text) is str]) >> _TEXT_PER_NODE
        if float in kinds:
            total = sum([number for number in level if type(number) is float])
            if total - total != 0.0:
                return False
        if kinds.isdisjoint(_CONTAINERS):
            return nodes >= 0
        if len(level) > _CHECKED_LEVEL:
            # Many references to one large list would make a level larger than memory.
            level = [node for node in level if type(node) in _CONTAINERS]
            if sum(map(len, level)) > nodes:
                return False
    return False


class Normalised(NamedTuple):
    """A JSON tree; how many parts could only be described because they raised; how many values and characters were left
    out unread; and the types of which nothing was read but their names."""

    tree: JsonValue
    failures: int = 0
    omitted: int = 0
    described: tuple[str, ...] = ()


def to_tree(
    value: object, *, budget: int | None = None, string_bytes: int = 0, cut: bool = False, opaque: bool = True
) -> Normalised:
    """The normalised JSON tree of any value.

    ``budget`` is how many bytes are read before the rest is counted and left out (None: :data:`MAX_NODES` values, texts
    of any length). ``string_bytes`` is what will be kept of a text, and so all that it takes of the budget; with
    ``cut`` it is cut to that at once. ``opaque``: whether what cannot be read as text (bytes that are no UTF-8) may
    stand in it, encoded. Never consumes an iterator. Raises nothing that is an Exception but RecursionError, where the
    caller's own stack is all but used up.
    """
    reading = _Reading(budget, string_bytes, cut=cut, opaque=opaque)
    tree = reading.read(value, 1)
    return Normalised(tree, reading.failures, reading.omitted, tuple(reading.described))


class _Reading:
    """One value being read: what is left of the budget, and which containers enclose the one at hand."""

    __slots__ = ("_cut", "_kept", "_string_bytes", "described", "failures", "left", "omitted", "opaque", "path")

    def __init__(self, budget: int | None, string_bytes: int, *, cut: bool, opaque: bool) -> None:
        self.left = MAX_NODES * NODE if budget is None else budget
        self._string_bytes = string_bytes
        self._cut = cut
        self._kept = 0
        """What of the budget is for the entries behind those that enclose the value at hand."""
        self.opaque = opaque
        self.path: set[int] = set()
        self.failures = 0
        self.omitted = 0
        self.described: dict[str, None] = {}

    @property
    def fitting(self) -> int:
        """How many values still fit in what is left, at most."""
        return max((self.left - self._kept) // NODE, 0)

    def read(self, value: Any, depth: int) -> JsonValue:
        kind = type(value)
        if kind is str:
            return self._text(value)
        if value is None or kind is bool:
            return value  # type: ignore[no-any-return]
        try:
            form = form_of(kind)  # type: ignore[arg-type]  # a type is hashable
        except Exception:  # unless its metaclass says otherwise
            self.failures += 1
            return self.describe(value)
        if form is None:
            return self.describe(value)
        if form in LEAVES:
            try:
                tree = form(self, value, depth)
            except Exception:  # the value's own code, or a value that is not what its type promises
                self.failures += 1
                return self.describe(value)
            return self._text(tree) if type(tree) is str else tree
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
            return self.describe(value)
        finally:
            self.path.discard(identity)

    def describe(self, value: object) -> str:
        """``<module.Class>``, and noted: of the value nothing was read."""
        said = describe(value)
        if len(self.described) < MAX_DESCRIBED:
            self.described[said[1:-1]] = None
        return said

    def _text(self, text: str) -> str:
        limit = self._string_bytes
        if self._cut and len(text) * 4 > limit:
            whole = len(text)
            text = clean(bound_text(text, limit))
            if len(text) != whole:
                self.omitted += max(whole - len(text), 1)
                text = bound_text(text, limit)  # NUL is one byte, what stands for it three
        else:
            text = clean(text)
        self.left -= min(len(text), limit)
        return text

    # --- containers --------------------------------------------------------------------------------------------------

    def entries(self, entries: Iterable[tuple[Any, Any]], size: int, depth: int) -> JsonObject:
        """An object from ``size`` pairs that nobody else holds, or from the first of them."""
        tree: JsonObject = {}
        repeats: dict[str, int] = {}
        kept, read = self._kept, 0
        for key, value in entries:
            if self.left <= kept:
                break
            read += 1
            self.left -= NODE
            # By identity: a stranger's metaclass says how its type is hashed.
            if (kind := type(value)) is not str and kind is not int and kind is not float:
                self._keep_for(size - read, kept)
            tree[unused(tree, self.key(key, depth), repeats)] = self.read(value, depth + 1)
        self._kept = kept
        if read < size:
            self.omitted += size - read
            tree[unused(tree, TRUNCATED, repeats)] = {"entries": size - read}
        return tree

    def items(self, items: Iterable[Any], size: int, depth: int) -> list[JsonValue]:
        """A list from ``size`` items that nobody else holds, or from the first of them."""
        tree: list[JsonValue] = []
        kept = self._kept
        for value in items:
            if self.left <= kept:
                break
            self.left -= NODE
            if (kind := type(value)) is not str and kind is not int and kind is not float:
                self._keep_for(size - len(tree) - 1, kept)
            tree.append(self.read(value, depth + 1))
        self._kept = kept
        if (missing := size - len(tree)) > 0:
            self.omitted += missing
            tree.append({TRUNCATED: {"items": missing}})
        return tree

    def _keep_for(self, behind: int, kept: int) -> None:
        """While an entry is read, keep a share for those ``behind`` it, but never more than half of what is left."""
        self._kept = kept + min(min(behind, _SHARED) * _SHARE, max(self.left - kept, 0) // 2)

    def key(self, key: object, depth: int) -> str:
        """A mapping's key as text."""
        if type(key) is str:
            return self._text(key)
        tree = self.read(key, depth + 1)
        return tree if isinstance(tree, str) else orjson.dumps(tree).decode()
