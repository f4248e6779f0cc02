"""JSON text → the text that Postgres gives back for it out of a ``jsonb`` column. Pure.

An export hands on what ``jsonb`` holds as its text, so lines that are made without a server need the same text: keys
by length, then bytes; a space after each colon and comma; numbers as ``numeric`` writes them (``1e3`` is ``1000``,
``-0.0`` is ``0.0``, ``1.50`` stays); of equal keys the last.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final, TypeAlias

from atlas_otel.errors import RecordError

_Value: TypeAlias = "str | Number | bool | list[_Value] | dict[str, _Value] | None"
# The limits of ``numeric``: digits before and after the point.
_MOST_BEFORE: Final = 131_072
_MOST_AFTER: Final = 16_383
_NUL: Final = "a JSON value holds the character NUL, which Postgres refuses"
_NUL_ESCAPED: Final = rb"\u0000"


class Number(str):
    """A number by its digits, as JSON has them."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """As ``numeric`` writes it. Raises RecordError beyond its limits."""
        if "e" in self or "E" in self:
            return _without_exponent(self)
        before, _, after = self.partition(".")
        if len(before) > _MOST_BEFORE or len(after) > _MOST_AFTER:
            raise RecordError(f"a number of {len(self)} digits: Postgres has no room for it")
        return self[1:] if self.startswith("-0") and not self.strip("-0.") else self


def read_json(text: bytes) -> _Value:
    """What ``text`` says, its numbers as :class:`Number`.

    Raises RecordError where it is not JSON, nested too deep, or holds the character NUL.
    """
    try:
        value: _Value = json.loads(
            text, object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as error:
        raise RecordError(f"a JSON value cannot be read: {error}") from None
    if _NUL_ESCAPED in text and _holds_nul(value):
        raise RecordError(_NUL)
    return value


def write_jsonb(value: _Value) -> bytes:
    """A value of :func:`read_json` as ``jsonb`` gives it back. Raises RecordError where it cannot hold it."""
    parts: list[str] = []
    try:
        _write(value, parts)
        return "".join(parts).encode()
    except UnicodeEncodeError:
        raise RecordError("a JSON value holds half of a surrogate pair, which Postgres refuses") from None


def jsonb_text(text: bytes) -> bytes:
    """``SELECT text::jsonb::text``. Raises RecordError where Postgres would refuse it.

    >>> jsonb_text(b'{"b":1e2,"a":[]}')
    b'{"a": [], "b": 100}'
    """
    return write_jsonb(read_json(text))


def text_of(value: _Value) -> str | None:
    """What ``->>`` gives for a value: texts bare, JSON null as None, anything else as ``jsonb`` writes it."""
    if value is None or type(value) is str:
        return value
    return write_jsonb(value).decode()


def _write(value: _Value, parts: list[str]) -> None:
    if isinstance(value, Number):
        parts.append(value.text)
    elif isinstance(value, str):
        parts.append(encode_basestring(value))
    elif isinstance(value, dict):
        before = "{"
        for key in _in_order(tuple(value)):
            parts.append(f"{before}{encode_basestring(key)}: ")
            _write(value[key], parts)
            before = ", "
        parts.append("}" if value else "{}")
    elif isinstance(value, list):
        before = "["
        for item in value:
            parts.append(before)
            _write(item, parts)
            before = ", "
        parts.append("]" if value else "[]")
    else:
        parts.append("null" if value is None else "true" if value else "false")


@lru_cache(maxsize=4096)  # the events of an agent have few shapes
def _in_order(keys: tuple[str, ...]) -> list[str]:
    return sorted(keys, key=lambda key: (len(encoded := key.encode()), encoded))


def _without_exponent(number: str) -> str:
    try:
        value = Decimal(number)
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)
        if value.adjusted() >= _MOST_BEFORE or -exponent > _MOST_AFTER:
            raise InvalidOperation
    except InvalidOperation:
        raise RecordError(f"the number {number[:40]} is too large or too fine: Postgres refuses it") from None
    if not value:
        return "0" if exponent >= 0 else f"{0:.{-exponent}f}"
    return f"{value:f}"


def _object(pairs: list[tuple[str, _Value]]) -> dict[str, _Value]:
    held = dict(pairs)
    if len(held) < len(pairs):
        for pair in pairs:  # what the last of equal keys replaces is looked at too
            write_jsonb(list(pair))
            if _holds_nul(list(pair)):
                raise RecordError(_NUL)
    return held


def _refuse(name: str) -> _Value:
    raise ValueError(f"{name} is not JSON")


def _holds_nul(value: _Value) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in key or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))
