"""Any Python value → a JSON tree that every sink takes, without harm to whoever owns the value. Pure.

*Normalised* means: no NaN and no infinity (the strings ``NaN``, ``Infinity``, ``-Infinity``, as protobuf's JSON mapping
writes them), integers outside of what 64 bits hold (-2^63 … 2^64-1) as strings, NUL and lone surrogates as U+FFFD
(Postgres refuses both), object keys as strings, at most :data:`MAX_DEPTH` levels.

:func:`is_plain` says whether orjson's own output of a value is already that. It must be asked first: orjson holds
borrowed references while it encodes, so any Python code that runs meanwhile (a ``default`` hook, an enum's
``value``) lets another thread change the value under it, which ends the process (seen with orjson 3.13). Values made of
exact built-in types run no Python code. All others go through :func:`to_tree`, which takes a copy of each container.

What :func:`to_tree` writes for what JSON lacks:

======================================================  ===============================================================
mapping with other keys than strings                    their text (``1``, ``null``, ``[1,2]``); equal ones get ``#2``
tuple, deque, dict views                                list; a named tuple: object
set, frozenset                                          list, sorted by its items' JSON
bytes, bytearray, memoryview                            ``{"type": "bytes", "size": n}`` and ``text`` where it is UTF-8,
                                                        else ``base64`` up to 4 KiB, where nobody has to read it first
datetime, date, time; UUID, Path, Decimal, Fraction     ISO 8601; text
enum member                                             its value
dataclass, attrs                                        object of the public fields whose ``repr`` is on
pydantic model                                          ``model_dump()`` without private and ``repr=False`` fields
numpy scalar, array                                     number, nested lists (over the budget: dtype and shape)
exception                                               ``{"type": …, "message": …}``
generator, coroutine, iterator, file, any other object  ``<generator name>``, ``<module.Class>``: never read from
======================================================  ===============================================================

Of an arbitrary object only the type's name is written: its ``repr`` and its attributes may hold a key, be slow, or
raise. Mappings that are not ``dict`` (``os.environ``, HTTP headers) count as such objects.
"""

from __future__ import annotations

import base64
import dataclasses
import gc
import re
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from functools import lru_cache
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue

MAX_DEPTH: Final = 200
"""Containers within containers; deeper ones are marked. orjson encodes 254: the rest is for what encloses it later."""
MAX_NODES: Final = 10_000_000
"""Values within one value; what comes after is counted and left out. It stops structures that share their parts
(ten lists of ten times the same ten lists …) from being written out without end."""
TRUNCATED: Final = "atlas.truncated"
"""Key of the marker that stands where entries were left out."""

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1
_INT_TEXT_BITS: Final = 14_000  # Python refuses to write integers of more than 4300 digits, as it takes quadratic time.
_BASE64_BYTES: Final = 4096
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_TOO_DEEP: Final = f"<nested deeper than {MAX_DEPTH}>"
_CONTAINERS: Final = frozenset({dict, list, tuple})
_PLAIN: Final = _CONTAINERS | {str, int, float, bool, type(None)}
_CHECKED_LEVEL: Final = 64
_SMALL: Final = 8
_PLAIN_NODES: Final = 2_000_000


def clean(text: str) -> str:
    """``text`` with NUL and lone surrogates replaced by U+FFFD; an exact ``str``."""
    if type(text) is not str:
        text = str.__str__(text)
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


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


def describe(value: object) -> str:
    """``<module.Class>`` of an object: nothing of the object itself is read."""
    return f"<{type_name(type(value))}>"


def type_name(cls: type) -> str:
    """``module.Class``, whatever its metaclass makes of these names; ``Class`` alone for built-in types."""
    try:
        name = str.__str__(type.__dict__["__qualname__"].__get__(cls))
        module = type.__dict__["__module__"].__get__(cls)
    except Exception:
        return "object"
    return clean(name) if type(module) is not str or module == "builtins" else clean(f"{module}.{name}")


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
        form = _form_of(kind)  # type: ignore[arg-type]  # a type is hashable
        if form in _LEAVES:
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
        for number, (key, value) in enumerate(entries.items()):
            if self.left <= 0:
                self.omitted += len(entries) - number
                tree[unused(tree, TRUNCATED)] = {"entries": len(entries) - number}
                break
            self.left -= 1
            tree[unused(tree, self.key(key, depth))] = self.read(value, depth + 1)
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

    def mapping(self, value: Any, depth: int) -> JsonValue:
        # ``dict.copy`` of a subclass may call its ``keys``; the view of the base class does not.
        held = dict.copy(value) if type(value) is dict else _while_it_changes(dict, dict.items(value))
        return self.entries(held, depth)

    def loose_mapping(self, value: Any, depth: int) -> JsonValue:
        return self.entries(_while_it_changes(dict, value), depth)

    def namespace(self, value: Any, depth: int) -> JsonValue:
        held = {key: item for key, item in dict.copy(vars(value)).items() if not key.startswith("_")}
        return self.entries(held, depth)

    def user_data(self, value: Any, depth: int) -> JsonValue:
        return self.read(value.data, depth)

    def list_(self, value: Any, depth: int) -> JsonValue:
        held = list.copy(value)
        return self.items(held, len(held), depth)

    def tuple_(self, value: Any, depth: int) -> JsonValue:
        held = tuple.__getitem__(value, slice(None))
        names = getattr(type(value), "_fields", None)
        if type(value) is not tuple and type(names) is tuple and len(names) == len(held):
            return self.entries(dict(zip(names, held, strict=True)), depth)
        return self.items(held, len(held), depth)

    def iterable(self, value: Any, depth: int) -> JsonValue:
        held = _while_it_changes(list, value)
        return self.items(held, len(held), depth)

    def set_(self, value: Any, depth: int) -> JsonValue:
        held = frozenset().union(value)
        tree = self.items(held, len(held), depth)
        return sorted(tree, key=orjson.dumps)

    # --- objects with public fields ----------------------------------------------------------------------------------

    def dataclass(self, value: Any, depth: int) -> JsonValue:
        names = [field.name for field in dataclasses.fields(value) if field.repr]
        return self.fields(value, names, depth)

    def attrs(self, value: Any, depth: int) -> JsonValue:
        names = [field.name for field in type(value).__attrs_attrs__ if field.repr]
        return self.fields(value, names, depth)

    def fields(self, value: Any, names: Iterable[str], depth: int) -> JsonValue:
        held: dict[str, object] = {}
        for name in names:
            if not name.startswith("_"):
                try:
                    held[name] = getattr(value, name)
                except Exception:  # never set, or a descriptor that raises
                    self.failures += 1
        return self.entries(held, depth)

    def model(self, value: Any, depth: int) -> JsonValue:
        dumped = value.model_dump(mode="python", by_alias=False, warnings=False)
        return self.read(_public(dumped, value, MAX_DEPTH), depth)

    # --- leaves ------------------------------------------------------------------------------------------------------

    def text(self, value: Any, depth: int) -> JsonValue:
        return clean(value)

    def shown(self, value: Any, depth: int) -> JsonValue:
        return clean(str(value))

    def iso(self, value: Any, depth: int) -> JsonValue:
        return clean(value.isoformat())

    def whole(self, value: Any, depth: int) -> JsonValue:
        number = int.__index__(value)
        if _INT_MIN <= number <= _INT_MAX:
            return number
        bits = number.bit_length()
        return str(number) if bits <= _INT_TEXT_BITS else f"<int of {bits} bits>"

    def real(self, value: Any, depth: int) -> JsonValue:
        number = float.__float__(value)
        if number - number == 0.0:
            return number
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"

    def bytes_(self, value: Any, depth: int) -> JsonValue:
        data = bytes(value)
        tree: JsonObject = {"type": "bytes", "size": len(data)}
        try:
            tree["text"] = clean(data.decode())
        except UnicodeDecodeError:
            if self.opaque and len(data) <= _BASE64_BYTES:
                tree["base64"] = base64.b64encode(data).decode()
        return tree

    def enum(self, value: Any, depth: int) -> JsonValue:
        return self.read(object.__getattribute__(value, "_value_"), depth)

    def exception(self, value: Any, depth: int) -> JsonValue:
        return {"type": type_name(type(value)), "message": clean(str(value))}

    def scalar(self, value: Any, depth: int) -> JsonValue:
        item = value.item()
        return clean(str(value)) if type(item) is type(value) else self.read(item, depth)

    def array(self, value: Any, depth: int) -> JsonValue:
        if value.size > self.left:
            self.omitted += int(value.size)
            return {"type": type_name(type(value)), "dtype": str(value.dtype), "shape": list(value.shape)}
        return self.read(value.tolist(), depth)

    def function(self, value: Any, depth: int) -> JsonValue:
        kind = "class" if isinstance(value, type) else type(value).__name__
        name = type_name(value) if kind == "class" else f"{value.__module__}.{value.__qualname__}"
        return clean(f"<{kind} {name}>")

    def running(self, value: Any, depth: int) -> JsonValue:
        return clean(f"<{type(value).__name__} {value.__name__}>")

    def described(self, value: Any, depth: int) -> JsonValue:
        return describe(value)


_Form: TypeAlias = "Callable[[_Reading, Any, int], JsonValue]"

_BY_TYPE: Final[dict[type, _Form]] = {
    str: _Reading.text,
    int: _Reading.whole,
    float: _Reading.real,
    dict: _Reading.mapping,
    OrderedDict: _Reading.mapping,
    MappingProxyType: _Reading.loose_mapping,
    ChainMap: _Reading.loose_mapping,
    UserDict: _Reading.user_data,
    UserList: _Reading.user_data,
    SimpleNamespace: _Reading.namespace,
    list: _Reading.list_,
    tuple: _Reading.tuple_,
    set: _Reading.set_,
    frozenset: _Reading.set_,
    deque: _Reading.iterable,
    type({}.keys()): _Reading.iterable,
    type({}.values()): _Reading.iterable,
    type({}.items()): _Reading.iterable,
    bytes: _Reading.bytes_,
    bytearray: _Reading.bytes_,
    memoryview: _Reading.bytes_,
    range: _Reading.shown,
    complex: _Reading.shown,
    type: _Reading.function,
    FunctionType: _Reading.function,
    MethodType: _Reading.function,
    ModuleType: _Reading.running,
    GeneratorType: _Reading.running,
    CoroutineType: _Reading.running,
    AsyncGeneratorType: _Reading.running,
    BaseException: _Reading.exception,
}

# By name, so that none of these modules is imported for the sake of a check.
_BY_NAME: Final[dict[tuple[str, str], _Form]] = {
    ("datetime", "datetime"): _Reading.iso,
    ("datetime", "date"): _Reading.iso,
    ("datetime", "time"): _Reading.iso,
    ("datetime", "timedelta"): _Reading.shown,
    ("uuid", "UUID"): _Reading.shown,
    ("decimal", "Decimal"): _Reading.shown,
    ("fractions", "Fraction"): _Reading.shown,
    ("pathlib", "PurePath"): _Reading.shown,
    ("pathlib._local", "PurePath"): _Reading.shown,
    ("enum", "Enum"): _Reading.enum,
    ("pydantic.main", "BaseModel"): _Reading.model,
    ("numpy", "generic"): _Reading.scalar,
    ("numpy", "ndarray"): _Reading.array,
}

_LEAVES: Final = frozenset(
    {
        _Reading.text,
        _Reading.whole,
        _Reading.real,
        _Reading.shown,
        _Reading.iso,
        _Reading.bytes_,
        _Reading.exception,
        _Reading.function,
        _Reading.running,
        _Reading.described,
    }
)


@lru_cache(maxsize=1024)
def _form_of(cls: type) -> _Form:
    """How values of a type are read: the first of its bases that has a form."""
    for base in type.__dict__["__mro__"].__get__(cls):
        form = _BY_TYPE.get(base) or _BY_NAME.get((base.__module__, base.__qualname__))
        if form is not None:
            return form
        if "__dataclass_fields__" in base.__dict__:
            return _Reading.dataclass
        if "__attrs_attrs__" in base.__dict__:
            return _Reading.attrs
    return _Reading.described


def unused(tree: Mapping[str, object], key: str) -> str:
    """``key``, or with ``#2``, ``#3``, … behind it where ``tree`` has it already."""
    if key not in tree:
        return key
    number = 2
    while f"{key}#{number}" in tree:
        number += 1
    return f"{key}#{number}"


def _while_it_changes(copy: Callable[[Any], Any], value: Any) -> Any:
    """A copy of what another thread may be changing: Python refuses then, and the next attempt mostly goes through."""
    for _ in range(8):
        try:
            return copy(value)
        except RuntimeError:
            continue
    return copy(value)


def _public(dumped: Any, original: Any, depth: int) -> Any:
    """A model's dump without the ``repr=False`` fields of any model or dataclass within it, which pydantic keeps."""
    if depth == 0 or type(dumped) not in (dict, list, tuple):
        return dumped
    cls = type(original)
    if type(dumped) is dict:
        if isinstance(original, dict):
            pairs = {key: (item, original.get(key)) for key, item in dumped.items()}
        else:
            shown = getattr(cls, "__pydantic_fields__", None) or getattr(cls, "__dataclass_fields__", None) or {}
            hidden = {name for name, field in shown.items() if not field.repr or name.startswith("_")}
            held = getattr(original, "__dict__", {})
            pairs = {key: (item, held.get(key)) for key, item in dumped.items() if key not in hidden}
        return {key: _public(item, inner, depth - 1) for key, (item, inner) in pairs.items()}
    if isinstance(original, (list, tuple)) and len(original) == len(dumped):
        return type(dumped)(_public(item, inner, depth - 1) for item, inner in zip(dumped, original, strict=True))
    return dumped
