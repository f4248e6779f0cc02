"""OTLP messages with strings that are not UTF-8, made readable.

Such a string makes the whole message unreadable, and some senders write them, which Collectors hand on in the midst of
what others sent. On the wire ``string`` and ``bytes`` are the same: here all strings are bytes, until they are right.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from atlas_otel.otlp.messages import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def in_utf8(body: bytes, file: Any, message: str) -> bytes:
    """``body`` with U+FFFD for whatever in its strings is not UTF-8.

    ``message``: which one it is of those that the generated module ``file`` describes. Raises DecodeError where it is
    none even so.
    """
    message_class, strings = _with_strings_as_bytes(file, message)
    held = message_class.FromString(body)
    for one in _within(held):
        for field, value in one.ListFields():
            if (one.DESCRIPTOR.full_name, field.name) not in strings:
                continue
            if isinstance(value, bytes):
                setattr(one, field.name, _readable(value))
            else:
                value[:] = map(_readable, value)
    return bytes(held.SerializeToString())


def _readable(text: bytes) -> bytes:
    return text.decode(errors="replace").encode()


def _within(message: Any) -> Iterator[Any]:
    """A message, and all messages in it."""
    waiting = [message]
    while waiting:
        one = waiting.pop()
        yield one
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting += [value] if hasattr(value, "ListFields") else value


@cache
def _with_strings_as_bytes(file: Any, message: str) -> tuple[Any, set[tuple[str, str]]]:
    """The class of ``message``, and the fields that are strings elsewhere: (message, field)."""
    pool = descriptor_pool.DescriptorPool()
    strings: set[tuple[str, str]] = set()
    for one in _with_imports(file.DESCRIPTOR):
        copy = descriptor_pb2.FileDescriptorProto.FromString(one.serialized_pb)
        _turn(copy.message_type, copy.package, strings)
        pool.AddSerializedFile(copy.SerializeToString())
    found = pool.FindMessageTypeByName(f"{file.DESCRIPTOR.package}.{message}")
    return message_factory.GetMessageClass(found), strings


def _with_imports(file: Any) -> list[Any]:
    """A file's descriptor after those that it imports."""
    found: dict[str, Any] = {}
    for imported in file.dependencies:
        found |= {one.name: one for one in _with_imports(imported)}
    return [*found.values(), file]


def _turn(messages: Iterable[Any], around: str, strings: set[tuple[str, str]]) -> None:
    for message in messages:
        name = f"{around}.{message.name}"
        _turn(message.nested_type, name, strings)
        for field in message.field:
            if field.type == field.TYPE_STRING:
                field.type = field.TYPE_BYTES
                strings.add((name, field.name))
