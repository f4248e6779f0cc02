"""How the values of Python and its standard library are written as JSON. Pure; consumes no iterator.

What is written for what JSON lacks:

======================================================  ===============================================================
mapping with other keys than strings                    their text (``1``, ``null``, ``[1,2]``); equal ones get ``#2``
tuple, deque, array, dict views                         list; a named tuple: object
range                                                   list; over a thousand: its start, stop and step
set, frozenset                                          list, sorted by its items' JSON
bytes, bytearray, memoryview                            ``{"type": "bytes", "size": n}`` and ``text`` where it is UTF-8,
                                                        else ``base64`` up to 4 KiB, where nobody has to read it first
datetime, date, time                                    ISO 8601
UUID, Path, Decimal, Fraction, IP address, time zone    text
enum member                                             its value
dataclass, with slots or without                        object of the public fields whose ``repr`` is on
exception                                               ``{"type": …, "message": …}``
generator, coroutine, iterator, file, any other object  ``<generator name>``, ``<module.Class>``: never read from
======================================================  ===============================================================

The forms of libraries are in :mod:`~atlas_otel.capture.object_forms` and :mod:`~atlas_otel.capture.table_forms`; which
form a type has, :mod:`~atlas_otel.capture.forms` says.

Of an arbitrary object only the type's name is written: its ``repr`` and its attributes may hold a key, be slow, or
raise. Mappings that are not ``dict`` (``os.environ``, HTTP headers) count as such objects. A form looks at
``type(value)`` and never asks ``isinstance``, which runs a stranger's ``__class__``.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections import ChainMap, OrderedDict, UserDict, UserList, UserString, deque
from itertools import islice
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
    from collections.abc import Callable, Iterable

    from atlas_otel.models.json_types import JsonObject, JsonValue

NODE: Final = 32
"""What reading one value takes of the budget, in bytes."""

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1
_INT_TEXT_BITS: Final = 14_000  # Python refuses to write integers of more than 4300 digits, as it takes quadratic time.
_BASE64_BYTES: Final = 4096
_RANGE_ITEMS: Final = 1000
_BYTES_READ: Final = 4 * 1_048_576
"""Bytes that are looked at for text; of larger ones only the size is kept."""
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class ValueReader(Protocol):
    """Who reads a value: forms hand what is inside of theirs back to it."""

    left: int
    """What is left of the budget: :data:`NODE` for each value, and a byte for each character of text."""
    failures: int
    omitted: int
    opaque: bool

    @property
    def fitting(self) -> int:
        """How many values still fit in what is left, at most."""

    def read(self, value: Any, depth: int) -> JsonValue:
        """Any value."""

    def entries(self, entries: Iterable[tuple[Any, Any]], size: int, depth: int) -> JsonObject:
        """An object from ``size`` pairs that nobody else holds, or from the first of them."""

    def items(self, items: Iterable[Any], size: int, depth: int) -> list[JsonValue]:
        """A list from ``size`` items that nobody else holds, or from the first of them."""

    def describe(self, value: object) -> str:
        """``<module.Class>``, and noted: of the value nothing was read."""


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
    held = _first(reader, lambda: dict.items(value))
    return reader.entries(held, dict.__len__(value), depth)


def _loose_mapping(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = _first(reader, value.items)
    return reader.entries(held, max(len(value), len(held)), depth)


def _namespace(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = {key: item for key, item in dict.copy(vars(value)).items() if not key.startswith("_")}
    return reader.entries(held.items(), len(held), depth)


def _user_data(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.read(value.data, depth)


def _list(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = list.__getitem__(value, slice(reader.fitting + 1))
    return reader.items(held, max(list.__len__(value), len(held)), depth)


def _tuple(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = tuple.__getitem__(value, slice(None))
    names = getattr(type(value), "_fields", None)
    if type(value) is not tuple and type(names) is tuple and len(names) == len(held):
        return reader.entries(zip(names, held, strict=True), len(held), depth)
    return reader.items(held, len(held), depth)


def _deque(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = _first(reader, lambda: deque.__iter__(value))
    return reader.items(held, max(deque.__len__(value), len(held)), depth)


def _view(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = _first(reader, lambda: value)
    return reader.items(held, max(len(value), len(held)), depth)


def _set(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    held = frozenset().union(value)
    tree = reader.items(held, len(held), depth)
    if tree and set(map(type, tree)) <= {type(tree[0])} & {str, int}:
        return sorted(tree)  # type: ignore[type-var]
    return sorted(tree, key=orjson.dumps)


def _range(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    if not value or value.index(value[-1]) < _RANGE_ITEMS:
        return reader.items(value, len(value), depth)
    return reader.entries([(name, getattr(value, name)) for name in ("start", "stop", "step")], 3, depth)


# --- objects with public fields ----------------------------------------------------------------------------------


def dataclass_form(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    """A dataclass's public fields whose ``repr`` is on."""
    shown = (field.name for field in dataclasses.fields(type(value)) if field.repr)
    return fields_form(reader, value, shown, depth)


def fields_form(reader: ValueReader, value: Any, names: Iterable[str], depth: int) -> JsonValue:
    """The public ones of the fields ``names`` of an object; one that cannot be read is left out, and counted."""
    held: list[tuple[str, object]] = []
    for name in names:
        if not name.startswith("_"):
            try:
                held.append((name, object.__getattribute__(value, name)))
            except Exception:  # never set, or a descriptor that raises
                reader.failures += 1
    return reader.entries(held, len(held), depth)


# --- leaves ------------------------------------------------------------------------------------------------------


def _text(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return clean(value)


def shown_form(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    """An object's text."""
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
    size = value.nbytes if type(value) is memoryview else len(value)
    tree: JsonObject = {"type": "bytes", "size": size}
    if size > _BYTES_READ and reader.opaque:
        reader.omitted += size
        return tree
    data = bytes(value)
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


def _function(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    kind = "class" if isinstance(value, type) else type(value).__name__
    name = type_name(value) if kind == "class" else f"{value.__module__}.{value.__qualname__}"
    return clean(f"<{kind} {name}>")


def _running(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    reader.describe(value)
    return clean(f"<{type(value).__name__} {value.__name__}>")


def _pattern(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.read(value.pattern, depth)


def _array(reader: ValueReader, value: Any, depth: int) -> JsonValue:
    return reader.items(value[: reader.fitting + 1].tolist(), len(value), depth)


def _first(reader: ValueReader, iterate: Callable[[], Iterable[Any]]) -> list[Any]:
    """As many as can be read of what another thread may be changing: Python refuses then, and the next attempt mostly
    goes through."""
    for _ in range(8):
        try:
            return list(islice(iterate(), reader.fitting + 1))
        except RuntimeError:
            continue
    return list(islice(iterate(), reader.fitting + 1))


Form: TypeAlias = "Callable[[ValueReader, Any, int], JsonValue]"

BY_TYPE: Final[dict[type, Form]] = {
    str: _text,
    int: _whole,
    float: _real,
    dict: _mapping,
    OrderedDict: _mapping,
    MappingProxyType: _loose_mapping,
    ChainMap: _loose_mapping,
    UserDict: _user_data,
    UserList: _user_data,
    UserString: _user_data,
    SimpleNamespace: _namespace,
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    deque: _deque,
    type({}.keys()): _view,
    type({}.values()): _view,
    type({}.items()): _view,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    range: _range,
    complex: shown_form,
    type: _function,
    FunctionType: _function,
    MethodType: _function,
    ModuleType: _running,
    GeneratorType: _running,
    CoroutineType: _running,
    AsyncGeneratorType: _running,
    BaseException: _exception,
}

BY_NAME: Final[dict[tuple[str, str], Form]] = {
    ("array", "array"): _array,
    ("datetime", "datetime"): _iso,
    ("datetime", "date"): _iso,
    ("datetime", "time"): _iso,
    ("datetime", "timedelta"): shown_form,
    ("datetime", "tzinfo"): shown_form,
    ("decimal", "Decimal"): shown_form,
    ("enum", "Enum"): _enum,
    ("fractions", "Fraction"): shown_form,
    ("ipaddress", "_IPAddressBase"): shown_form,
    ("pathlib", "PurePath"): shown_form,
    ("re", "Pattern"): _pattern,
    ("uuid", "UUID"): shown_form,
}
"""By package and qualified name, so that nothing is imported for the sake of a check."""

LEAVES: Final = frozenset({_text, _whole, _real, shown_form, _iso, _bytes, _exception, _function, _running})
"""Forms that read nothing within the value."""
