"""A span that was sent with a view beside it → the attributes that its record has. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from atlas_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.records.record import AttributeValue


def as_recorded(attributes: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    """The attributes without what was added for people; texts are JSON again. The very same where nothing was."""
    added = attributes.get(semconv.ATLAS_VIEW_ADDED)
    if added is None:
        return attributes
    gone = {semconv.ATLAS_VIEW_ADDED, semconv.ATLAS_VIEW_TEXTS, *_names(added)}
    texts = set(_names(attributes.get(semconv.ATLAS_VIEW_TEXTS)))
    return {
        key: orjson.dumps(value).decode() if key in texts and isinstance(value, str) else value
        for key, value in attributes.items()
        if key not in gone
    }


def _names(listed: AttributeValue) -> list[str]:
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, (list, tuple)) else []
