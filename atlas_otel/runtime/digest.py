"""What a model is shown of a session, bounded: a trace of megabytes must not cost the judgement. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

TEXT_LENGTH: Final = 20_000
"""Characters of one text."""
ITEMS: Final = 200
"""Items of one list."""
_DEPTH: Final = 20


def digest(value: Any, *, depth: int = 0) -> Any:
    """``value`` with long texts and lists cut in their middle, saying how much is left out."""
    if isinstance(value, str):
        return _cut(value)
    if depth > _DEPTH:
        return "(nested too deep to be shown)" if isinstance(value, (Mapping, list, tuple)) else value
    if isinstance(value, Mapping):
        return {str(key): digest(item, depth=depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [digest(item, depth=depth + 1) for item in _ends(value)]
        left_out = len(value) - len(items)
        return [*items[: ITEMS // 2], f"({left_out} items left out)", *items[ITEMS // 2 :]] if left_out else items
    return value


def _cut(text: str) -> str:
    left_out = len(text) - TEXT_LENGTH
    if left_out <= 0:
        return text
    half = TEXT_LENGTH // 2
    return f"{text[:half]} … ({left_out} characters left out) … {text[-half:]}"


def _ends(items: Any) -> list[Any]:
    return list(items) if len(items) <= ITEMS else [*items[: ITEMS // 2], *items[-ITEMS // 2 :]]
