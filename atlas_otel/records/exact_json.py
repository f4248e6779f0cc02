"""JSON text in and out, exactly: no number that a database holds is rounded on its way into a line. Pure."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

import orjson

from atlas_otel.errors import RecordError

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue

# jsonb keeps numbers of any size; orjson reads those over 64 bits as floats, and a fraction of sixteen digits may have
# no float of its own. Sixteen digits with a point among them are where that can begin: text without such a run takes
# the fast path. (As a regular expression the search for it would take more time than all the parsing.) Most runs are
# times in nanoseconds and fractions that some program computed: these orjson reads as they are. Only where it would
# round, Python's own parser reads the text.
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789.", b"0000000000")
_LONG_NUMBER: Final = b"0" * 17
_NUMBER: Final = re.compile(rb"-?[0-9]+(\.[0-9]+)?(?![-+.0-9Ee])")
_MOST_BEFORE_THE_RUN: Final = 32
_LONGEST_OF_64_BITS: Final = len(str(2**64))


def load(text: bytes) -> JsonValue:
    """What ``text`` says. Numbers that Python's JSON types would round come as ``orjson.Fragment`` of their text.

    Raises RecordError where it is not JSON, or nested deeper than can be read.
    """
    try:
        alike = text.translate(_DIGITS_ALIKE)
        if _LONG_NUMBER not in alike or _loses_nothing(text, alike):
            return cast("JsonValue", orjson.loads(text))
        return cast("JsonValue", json.loads(text, parse_int=_integer, parse_float=_decimal))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"a JSON value cannot be read: {error}") from None


def load_object(text: bytes | None) -> JsonObject:
    """The object that ``text`` holds; empty for NULL and ``null``; anything else under the key ``raw``."""
    value = None if text is None else load(text)
    if isinstance(value, dict):
        return value
    return {} if value is None else {"raw": value}


def dump(value: object) -> bytes:
    """``value`` as JSON text. Raises RecordError where it is not JSON."""
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError) as error:
        try:
            # Whole numbers over 64 bits, which a model may write, and nesting over 254 levels.
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            raise RecordError(f"a value cannot be written as JSON: {error}") from None


def _loses_nothing(text: bytes, alike: bytes) -> bool:
    """Whether orjson surely rounds no number of ``text``. ``alike`` is the same text with a zero for every digit and
    point."""
    run = alike.find(_LONG_NUMBER)
    while run >= 0:
        before = text[max(run - _MOST_BEFORE_THE_RUN, 0) : run]
        start = run - len(before) + len(before.rstrip(b"-.0123456789"))
        number = _NUMBER.match(text, start)
        if number is None or number.end() < run:
            return False
        if text[start - 1 : start] != b'"':  # an id, say
            digits = number[0].decode()
            if isinstance(_integer(digits) if number[1] is None else _decimal(digits), orjson.Fragment):
                return False
        run = alike.find(_LONG_NUMBER, number.end())
    return True


def _integer(digits: str) -> int | orjson.Fragment:
    if len(digits) <= _LONGEST_OF_64_BITS:
        number = int(digits)
        if -(2**63) <= number < 2**64:
            return number
    return orjson.Fragment(digits)


def _decimal(digits: str) -> float | orjson.Fragment:
    number = float(digits)
    return number if Decimal(repr(number)) == Decimal(digits) else orjson.Fragment(digits)
