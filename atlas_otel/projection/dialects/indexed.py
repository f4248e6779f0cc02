"""Attributes that spread a structure over many keys, ``<prefix>.<n>.<field>…``, put together again. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.records.record import Attributes

Branch: TypeAlias = "dict[str, Any]"
"""Names → values, further branches, or lists of them."""

_MOST_DIGITS: Final = 6
"""Longer numbers are no places in a list of messages."""


_DEEPEST: Final = 12
"""Deeper than any dialect goes; what is beyond stays one name."""


def listed(attributes: Attributes, prefix: str) -> list[Any]:
    """What stands below ``prefix.0``, ``prefix.1``, …, in this order: a mapping where names follow the number, else
    the value itself. Numbers that are left out leave no gap."""
    found = branch(attributes, prefix)
    return found if isinstance(found, list) else []


def branch(attributes: Attributes, prefix: str) -> Any:
    """All that stands below ``prefix``: a list where all names there are numbers, else a mapping; None for nothing.

    Where a name is both a value and a branch, the branch wins.
    """
    start = prefix + "."
    tree: Branch = {}
    for key, value in attributes.items():
        if not key.startswith(start):
            continue
        at = tree
        *path, last = key[len(start) :].split(".", _DEEPEST)
        for name in path:
            below = at.get(name)
            if not isinstance(below, dict):
                below = at[name] = {}
            at = below
        if not isinstance(at.get(last), dict):
            at[last] = value
    return _lists(tree) if tree else None


def _lists(tree: Branch) -> Any:
    values = {name: _lists(value) if isinstance(value, dict) else value for name, value in tree.items()}
    if all(_is_place(name) for name in values):
        return [values[name] for name in sorted(values, key=int)]
    return values


def _is_place(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= _MOST_DIGITS


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """``value`` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []
