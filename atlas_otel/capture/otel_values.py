"""Values of attributes as every sink takes them: Postgres, OTLP and the SDK. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.capture.normalise import to_tree
from atlas_otel.capture.value_forms import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.json_types import JsonValue
    from atlas_otel.records.record import AttributeValue

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


def fits_otel(attributes: Mapping[str, AttributeValue]) -> bool:
    """Whether every sink takes these attributes as they are."""
    for key, value in attributes.items():
        kind = type(value)
        if kind is str:
            if not value.isascii() and clean(value) != value:  # type: ignore[union-attr,arg-type]
                return False
            if "\0" in value:  # type: ignore[operator]
                return False
        elif kind is float:
            if value - value != 0.0:  # type: ignore[operator]
                return False
        elif kind is int:
            if not _INT64_MIN <= value <= _INT64_MAX:  # type: ignore[operator]
                return False
        elif kind is not bool:
            return False
        if not key.isascii() or "\0" in key:
            return False
    return True


def normal(value: object) -> AttributeValue:
    """An attribute's value as every sink takes it; OTLP holds signed integers of 64 bits only."""
    return signed(to_tree(value).tree)


def signed(tree: JsonValue) -> AttributeValue:
    """``tree`` with integers over those of OTLP as text."""
    if type(tree) is int and tree > _INT64_MAX:
        return str(tree)
    if isinstance(tree, list):
        return [signed(item) for item in tree]
    if isinstance(tree, dict):
        return {key: signed(item) for key, item in tree.items()}
    return tree
