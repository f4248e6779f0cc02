"""Whole numbers as people pass them: ``int``, and what says with ``__index__`` that it is one (numpy's, torch's)."""

from __future__ import annotations

from operator import index
from typing import SupportsIndex


def whole_number(value: object) -> int | None:
    """``value`` as an ``int``; None for anything else, ``True`` and ``False`` too."""
    if type(value) is int:
        return value
    try:
        return None if isinstance(value, bool) else index(value)  # type: ignore[arg-type]  # it says so itself
    except Exception:  # a tensor of many numbers says no with an error of its own
        return None


def given_number(value: SupportsIndex | None, what: str, least: int) -> int | None:
    """``value`` as an ``int``, None where it is None. TypeError for anything but a whole number from ``least``."""
    if value is None:
        return None
    number = whole_number(value)
    if number is None or number < least:
        raise TypeError(f"{what} is a whole number from {least}, not {value!r}")
    return number
