"""Forms that a value must have to leave the process where content is not captured. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue

_NAME: Final = re.compile(r"(?!.*(?:://|@))[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")
_ID: Final = re.compile(r"[A-Za-z0-9_.:+=/-]{1,128}")
_TYPE: Final = re.compile(r"[A-Za-z_][\w.<>]{0,199}", re.ASCII)


def is_number(value: object) -> bool:
    """A finite number of 64 bits, or a truth value."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, float) and value - value == 0.0


def is_name(value: object) -> bool:
    """One short line without a URL or an address: a model, a tool, an agent."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def is_id(value: object) -> bool:
    """A number, or a short word of letters, digits and ``_ . : + = / -`` without a URL."""
    return is_number(value) or (isinstance(value, str) and _ID.fullmatch(value) is not None and "://" not in value)


def is_type(value: object) -> bool:
    """A class or an error code: ``builtins.ValueError``, ``timeout``, ``500``."""
    return isinstance(value, str) and (_TYPE.fullmatch(value) is not None or value.isdecimal())


TARGET: Final[Mapping[str, Callable[[object], bool]]] = {"step": is_id, "attempt": is_number, "span_id": is_id}


def only(tree: Mapping[str, JsonValue], forms: Mapping[str, Callable[[object], bool]]) -> JsonObject:
    """The entries of ``tree`` that have the form of their key; no other key passes.

    >>> only({"id": 3, "text": "secret", "score": "high"}, {"id": is_id, "score": is_number})
    {'id': 3}
    """
    return {key: tree[key] for key, form in forms.items() if key in tree and form(tree[key])}


def objects(tree: JsonValue) -> Iterable[JsonObject]:
    """The objects in a list; nothing for what is no list."""
    return (item for item in tree if isinstance(item, dict)) if isinstance(tree, list) else ()
