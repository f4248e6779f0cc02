"""An OTLP/protobuf body, in parts that are decoded one after the other, so that memory does not follow the body. Pure.

Parsed whole, a body of 64 MiB of tiny spans, attributes or events becomes gigabytes of objects. Here only lengths are
read: ``TracesData`` and ``LogsData`` are the same down to their items (1: resource or scope, 2: what is in it), so each
part is a message of the same type with a few hundred of them. An item with too many fields, and a resource, a scope or
a tree of values that is too large, are not parsed at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE_BYTES: Final = 1024 * 1024
"""Up to which a body is parsed whole."""
MAX_ITEMS: Final = 250_000
"""Spans, or log records, of one body."""
_PART_ITEMS: Final = 512
_PART_BYTES: Final = 1024 * 1024
_HEADER_BYTES: Final = 1024 * 1024
"""The most that a resource or a scope may take."""
_LOOKED_AT_BYTES: Final = 64 * 1024
"""An item of less cannot hold too much."""
_MAX_FIELDS: Final = 50_000
"""Attributes, events and links of one item, with what they hold themselves."""

_FIRST, _SECOND = 1, 2
_LENGTH_DELIMITED: Final = 2
_NESTED: Final = frozenset({11, 13})
"""Events and links of a span."""


class TooMuch(RecordError):
    """A body that holds more than one body may."""


class Part(NamedTuple):
    """A message with some of the body's items; ``refused``: how many items before it were too large to be parsed."""

    message: bytes
    refused: int = 0


def parts_of(body: bytes) -> Iterator[Part]:
    """The parts of a request. Raises RecordError where it is none, TooMuch where it holds more than a body may."""
    if len(body) <= WHOLE_BYTES:
        yield Part(body)
        return
    budget = _Budget()
    refused = 0
    for of_resource in _inside(memoryview(body), _FIRST, budget):
        resource, scopes = _opened(of_resource, budget)
        for of_scope in scopes:
            scope, items = _opened(of_scope, budget)
            waiting: list[memoryview] = []
            size = 0
            for item in items:
                if len(item) > _LOOKED_AT_BYTES and _field_count(item) > _MAX_FIELDS:
                    refused += 1
                    continue
                if waiting and (len(waiting) >= _PART_ITEMS or size + len(item) > _PART_BYTES):
                    yield Part(_message(resource, scope, waiting), refused)
                    waiting, size, refused = [], 0, 0
                waiting.append(item)
                size += len(item)
            if waiting or refused:
                yield Part(_message(resource, scope, waiting), refused)
                refused = 0


class _Budget:
    """How many things a body may still hold."""

    def __init__(self) -> None:
        self._left = MAX_ITEMS

    def take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooMuch(f"the body holds over {MAX_ITEMS} spans or log records; send it in several")


def _inside(message: memoryview, number: int, budget: _Budget) -> Iterator[memoryview]:
    for found, value in _fields(message):
        budget.take()
        if found == number:
            yield value


def _opened(message: memoryview, budget: _Budget) -> tuple[bytes, list[memoryview]]:
    """The first field of a message (a resource, a scope), as it stands there, and what its second one holds."""
    header, items = b"", []
    for number, value in _fields(message):
        budget.take()
        if number == _FIRST:
            if len(value) > _HEADER_BYTES:
                raise TooMuch(f"a resource or a scope is over {_HEADER_BYTES} bytes")
            header = _field(_FIRST, bytes(value))
        elif number == _SECOND:
            items.append(value)
    return header, items


def _message(resource: bytes, scope: bytes, items: list[memoryview]) -> bytes:
    of_scope = scope + b"".join(_field(_SECOND, bytes(item)) for item in items)
    return _field(_FIRST, resource + _field(_SECOND, of_scope))


def _field_count(item: memoryview) -> int:
    """How many fields an item has, with those of its events and links; not on beyond the bound."""
    count = 0
    for number, value in _fields(item):
        count += 1
        if number in _NESTED:
            for _ in _fields(value):
                count += 1
                if count > _MAX_FIELDS:
                    return count
        if count > _MAX_FIELDS:
            break
    return count


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message: number and content. Of those that are no message the content is empty."""
    position, end = 0, len(message)
    nothing = message[:0]
    while position < end:
        tag, position = _varint(message, position, end)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            length, position = _varint(message, position, end)
            if length > end - position:
                raise _broken()
            yield tag >> 3, message[position : position + length]
            position += length
        elif kind == 0:
            _, position = _varint(message, position, end)
            yield tag >> 3, nothing
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
            if position > end:
                raise _broken()
            yield tag >> 3, nothing
        else:
            raise _broken()


def _varint(message: memoryview, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 70:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise _broken()


def _field(number: int, content: bytes) -> bytes:
    length, prefix = len(content), bytearray((number << 3 | _LENGTH_DELIMITED,))
    while length >= 0x80:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + content


def _broken() -> RecordError:
    return RecordError("the body is not an OTLP request in protobuf")


# --- one attribute ---------------------------------------------------------------------------------------------------

TREE_BYTES: Final = 512 * 1024
"""A list or a mapping in one attribute that takes more is not parsed."""
_LISTS: Final = frozenset({5, 6})
_VALUE: Final = 2


def large_tree(wire: bytes) -> tuple[str, int] | None:
    """Of a ``KeyValue`` whose value is a list or a mapping of over :data:`TREE_BYTES`: its key and how large it is."""
    if len(wire) <= TREE_BYTES:
        return None
    key, tree = "", 0
    try:
        for number, content in _fields(memoryview(wire)):
            if number == _FIRST:
                key = bytes(content).decode("utf-8", "replace")
            elif number == _VALUE:
                tree = max((len(value) for kind, value in _fields(content) if kind in _LISTS), default=0)
    except RecordError:
        return None
    return (key, tree) if tree > TREE_BYTES else None
