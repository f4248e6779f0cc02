"""JSON as programs write it: halves of emoji, NaN, numbers of any length, and texts that a limit cut off. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.models.json_types import JsonValue

_LONG_NUMBER: Final = re.compile("[0-9]{19}")
"""orjson reads a whole number of more than 64 bits as a float."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_SPACE: Final = " \t\n\r"
_DECODER: Final = json.JSONDecoder(strict=False)


class Pieces(NamedTuple):
    """What can be read of a list that is no whole JSON: its items up to where it breaks off, and the rest as text."""

    items: list[JsonValue]
    rest: str


def parse(text: str) -> JsonValue:
    """``text`` as JSON.

    Lone surrogates become U+FFFD; NaN and the infinities, which neither JSON nor Postgres has, the texts ``NaN``,
    ``Infinity`` and ``-Infinity``; control characters may stand in strings. Raises ValueError where it is no JSON.
    """
    return read(text)[0]


def read(text: str) -> tuple[JsonValue, bool]:
    """The same, and whether ``text`` is JSON to everybody: none of that leniency was needed."""
    strict = True
    try:
        value = orjson.loads(text)
        if not (_holds_float(value) and _LONG_NUMBER.search(text)):
            return value, True
    except (ValueError, UnicodeEncodeError):
        strict = False
    try:
        return _clean(_DECODER.decode(text.strip(_SPACE))), strict
    except RecursionError as error:
        raise ValueError("nested too deep to be read") from error


def _holds_float(value: JsonValue) -> bool:
    """Whether a float is in it. Values are few beside the characters of their texts, which need no search then."""
    if type(value) is dict:
        held: Iterable[JsonValue] = value.values()
    elif type(value) is list:
        held = value
    else:
        return type(value) is float
    for one in held:
        kind = type(one)
        if kind is not str and (kind is float or ((kind is dict or kind is list) and _holds_float(one))):
            return True
    return False


def pieces(text: str) -> Pieces | None:
    """The items of a list in ``text`` that breaks off or goes wrong somewhere; None where it does not begin a list."""
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        return None
    items: list[JsonValue] = []
    at = _skip(text, at + 1)
    while at < len(text):
        try:
            item, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        after = _skip(text, end)
        if text[after : after + 1] not in (",", "]") and not isinstance(item, (dict, list, str)):
            break  # a number or a constant that may go on where the text was cut
        items.append(_clean(item))
        at = after
        if text[at : at + 1] != ",":
            break
        at = _skip(text, at + 1)
    return Pieces(items, text[at:])


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _clean(value: JsonValue) -> JsonValue:
    """The value without what UTF-8 and JSON cannot hold."""
    if isinstance(value, str):
        return _SURROGATE.sub(_REPLACEMENT, value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub(_REPLACEMENT, key): _clean(item) for key, item in value.items()}
    return value
