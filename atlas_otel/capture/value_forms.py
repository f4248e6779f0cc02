"""How each kind of Python value is written as JSON. Pure; reads no private state, consumes no iterator.

What is written for what JSON lacks:

======================================================  ===============================================================
mapping with other keys than strings                    their text (``1``, ``null``, ``[1,2]``); equal ones get ``#2``
tuple, deque, dict views                                list; a named tuple: object
set, frozenset                                          list, sorted by its items' JSON
bytes, bytearray, memoryview                            ``{"type": "bytes", "size": n}`` and ``text`` where it is UTF-8,
                                                        else ``base64`` up to 4 KiB, where nobody has to read it first
datetime, date, time; UUID, Path, Decimal, Fraction     ISO 8601; text
enum member                                             its value
dataclass                                               object of the public fields whose ``repr`` is on
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
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1
_INT_TEXT_BITS: Final = 14_000  # Python refuses to write integers of more than 4300 digits, as it takes quadratic time.
_BASE64_BYTES: Final = 4096
_MODEL_DEPTH: Final = 200
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class ValueReader(Protocol):
    """Who reads a value: forms hand what is inside of theirs back to it."""

    left: int
    failures: int
    omitted: int
    opaque: bool

    def read(self, value: Any, depth: int) -> JsonValue:
        """Any value."""

    def entries(self, entries: Mapping[Any, Any], depth: int) -> JsonObject:
        """An object from a mapping that nobody else holds."""

    def items(self, items: Iterable[Any], size: int, depth: int) -> list[JsonValue]:
        """A list from a sequence that nobody else holds."""


def clean(text: str) -> str:
    """``text`` with NUL and lone surrogates replaced by U+FFFD; an exact ``str``."""
    if type(text) is not str:
        text = str.__str__(text)
    if "\0" not in text:
        if text.isascii():
            return text
        try:
            text.encode()  # the quickest way to look for surrogates
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _UNSTORABLE.sub("\ufffd", text)


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


# --- containers --------------------------------------------------------------------------------------------------


def _mapping(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    # ``dict.copy`` of a subclass may call its ``keys``; the view of the base class does not.
    held = dict.copy(value) if type(value) is dict else _while_it_changes(dict, dict.items(value))
    return reader.entries(held, depth)


def _loose_mapping(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.entries(_while_it_changes(dict, value), depth)


def _namespace(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = {key: item for key, item in dict.copy(vars(value)).items() if not key.startswith("_")}
    return reader.entries(held, depth)


def _user_data(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.read(value.data, depth)


def _list(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = list.copy(value)
    return reader.items(held, len(held), depth)


def _tuple(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = tuple.__getitem__(value, slice(None))
    names = getattr(type(value), "_fields", None)
    if type(value) is not tuple and type(names) is tuple and len(names) == len(held):
        return reader.entries(dict(zip(names, held, strict=True)), depth)
    return reader.items(held, len(held), depth)


def _iterable(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = _while_it_changes(list, value)
    return reader.items(held, len(held), depth)


def _set(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = frozenset().union(value)
    tree = reader.items(held, len(held), depth)
    return sorted(tree, key=orjson.dumps)


# --- objects with public fields ----------------------------------------------------------------------------------


def _dataclass(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held: dict[str, object] = {}
    for field in dataclasses.fields(value):
        if field.repr and not field.name.startswith("_"):
            try:
                held[field.name] = getattr(value, field.name)
            except Exception:  # never set, or a descriptor that raises
                reader.failures += 1
    return reader.entries(held, depth)


def _model(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    dumped = value.model_dump(mode="python", by_alias=False, warnings=False)
    return reader.read(_public(dumped, value, _MODEL_DEPTH), depth)


# --- leaves ------------------------------------------------------------------------------------------------------


def _text(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return clean(value)


def _shown(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return clean(str(value))


def _iso(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return clean(value.isoformat())


def _whole(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    number = int.__index__(value)
    if _INT_MIN <= number <= _INT_MAX:
        return number
    bits = number.bit_length()
    return str(number) if bits <= _INT_TEXT_BITS else f"<int of {bits} bits>"


def _real(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    number = float.__float__(value)
    if number - number == 0.0:
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def _bytes(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    data = bytes(value)
    tree: JsonObject = {"type": "bytes", "size": len(data)}
    try:
        tree["text"] = clean(data.decode())
    except UnicodeDecodeError:
        if reader.opaque and len(data) <= _BASE64_BYTES:
            tree["base64"] = base64.b64encode(data).decode()
    return tree


def _enum(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.read(object.__getattribute__(value, "_value_"), depth)


def _exception(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return {"type": type_name(type(value)), "message": clean(str(value))}


def _scalar(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    item = value.item()
    return clean(str(value)) if type(item) is type(value) else reader.read(item, depth)


def _array(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    if value.size > reader.left:
        reader.omitted += int(value.size)
        return {"type": type_name(type(value)), "dtype": str(value.dtype), "shape": list(value.shape)}
    return reader.read(value.tolist(), depth)


def _function(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    kind = "class" if isinstance(value, type) else type(value).__name__
    name = type_name(value) if kind == "class" else f"{value.__module__}.{value.__qualname__}"
    return clean(f"<{kind} {name}>")


def _running(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return clean(f"<{type(value).__name__} {value.__name__}>")


def _described(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return describe(value)


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


Form: TypeAlias = "Callable[[ValueReader, Any, int], JsonValue]"

_BY_TYPE: Final[dict[type, Form]] = {
    str: _text,
    int: _whole,
    float: _real,
    dict: _mapping,
    OrderedDict: _mapping,
    MappingProxyType: _loose_mapping,
    ChainMap: _loose_mapping,
    UserDict: _user_data,
    UserList: _user_data,
    SimpleNamespace: _namespace,
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    deque: _iterable,
    type({}.keys()): _iterable,
    type({}.values()): _iterable,
    type({}.items()): _iterable,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    range: _shown,
    complex: _shown,
    type: _function,
    FunctionType: _function,
    MethodType: _function,
    ModuleType: _running,
    GeneratorType: _running,
    CoroutineType: _running,
    AsyncGeneratorType: _running,
    BaseException: _exception,
}

# By name, so that none of these modules is imported for the sake of a check.
_BY_NAME: Final[dict[tuple[str, str], Form]] = {
    ("datetime", "datetime"): _iso,
    ("datetime", "date"): _iso,
    ("datetime", "time"): _iso,
    ("datetime", "timedelta"): _shown,
    ("uuid", "UUID"): _shown,
    ("decimal", "Decimal"): _shown,
    ("fractions", "Fraction"): _shown,
    ("pathlib", "PurePath"): _shown,
    ("pathlib._local", "PurePath"): _shown,
    ("enum", "Enum"): _enum,
    ("pydantic.main", "BaseModel"): _model,
    ("numpy", "generic"): _scalar,
    ("numpy", "ndarray"): _array,
}

LEAVES: Final = frozenset(
    {
        _text,
        _whole,
        _real,
        _shown,
        _iso,
        _bytes,
        _exception,
        _function,
        _running,
        _described,
    }
)


@lru_cache(maxsize=1024)
def form_of(cls: type) -> Form:
    """How values of a type are read: the first of its bases that has a form."""
    for base in type.__dict__["__mro__"].__get__(cls):
        form = _BY_TYPE.get(base) or _BY_NAME.get((base.__module__, base.__qualname__))
        if form is not None:
            return form
        if "__dataclass_fields__" in base.__dict__:
            return _dataclass
    return _described
