"""JSON text that is carried whole: parsed where somebody looks inside, spliced in unparsed where nobody does. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeVar, cast

import orjson

from atlas_otel.records import lenient_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.models.json_types import JsonObject, JsonValue

_T = TypeVar("_T")

_UNREAD: Final = object()
_INVALID: Final = object()
_ESCAPE: Final = re.compile(
    r"\\(?:u(?:0000|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_ESCAPED_NUL: Final = "\\u0000"
_REPLACEMENT: Final = "\\ufffd"


def storable(text: str) -> str:
    """JSON text with the escapes that Postgres refuses, of NUL and of half a surrogate pair, written as U+FFFD.

    >>> storable(r'{"a": "x\\u0000y"}')
    '{"a": "x\\\\ufffdy"}'
    """
    if "\\" not in text or "\\u" not in text:  # the first alone is found ten times as fast
        return text
    if _ESCAPED_NUL not in text and "\\ud" not in text and "\\uD" not in text:
        return text
    return _ESCAPE.sub(_storable_escape, text)


def _storable_escape(found: re.Match[str]) -> str:
    escape = found[0]
    refused = escape == _ESCAPED_NUL or (len(escape) == len(_ESCAPED_NUL) and escape[2] in "dD")
    return _REPLACEMENT if refused else escape


class JsonText:
    """A text that should be JSON. What is not (a foreign producer's plain text, a value cut in mid-token) counts as
    the string that it is. :func:`dump` writes one that stands inside a larger value as it is, without a second pass.

    What no database holds is replaced in JSON from the start (:func:`storable`)."""

    __slots__ = ("_read", "_strict", "_value", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._value: object = _UNREAD
        self._strict = True
        self._read: dict[str, object] | None = None
        if (replaced := storable(text)) != text:
            self.text = replaced
            if not self.valid:  # a plain text that holds such an escape is as storable as any
                self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonText) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"JsonText({self.text!r})"

    @property
    def value(self) -> JsonValue:
        """The parsed value; the text itself where it is no JSON. It is shared: callers must not change it."""
        if self._value is _UNREAD:
            try:
                self._value, self._strict = lenient_json.read(self.text)
            except ValueError:
                self._value = _INVALID
        return self.text if self._value is _INVALID else self._value  # type: ignore[return-value]

    @property
    def object(self) -> JsonObject:
        """The parsed value where it is an object; else an empty one. It is shared: callers must not change it."""
        value = self.value
        return value if isinstance(value, dict) else {}

    def once(self, name: str, read: Callable[[JsonText], _T]) -> _T:
        """What ``read`` makes of the text, made once under this name. It is shared: nobody may change it."""
        if self._read is None:
            self._read = {}
        if name not in self._read:
            self._read[name] = read(self)
        return cast("_T", self._read[name])

    @property
    def plain(self) -> str:
        """For people: a JSON string is the text in it, anything else stands as JSON."""
        value = self.value
        return value if isinstance(value, str) else self.text

    @property
    def valid(self) -> bool:
        """Whether the text is JSON."""
        return (self.value is not None and self._value is not _INVALID) or self.text.strip() == "null"


def dump(value: object) -> str:
    """``value``, which may hold :class:`JsonText`, as JSON text.

    orjson refuses lone surrogates, very deep nesting and integers over 64 bits, which records of other producers may
    hold: the standard encoder takes them, with surrogates replaced.
    """
    try:
        text = orjson.dumps(value, default=_splice).decode()
    except (TypeError, orjson.JSONEncodeError):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
        text = text.encode("utf-8", "replace").decode()
    return storable(text)


def _splice(value: object) -> object:
    if isinstance(value, JsonText):
        return orjson.Fragment(value.text) if value.valid and value._strict else value.value
    return _plain(value)


def _plain(value: object) -> object:
    if isinstance(value, JsonText):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return str(value)
