"""Texts of agents and of other programs as a terminal may have them. Pure."""

from __future__ import annotations

import re
from typing import Final

# What a terminal would obey, or show in another order than it was written.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """``text`` without what a terminal would obey; line ends and tabs stay."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def shortened(text: str, limit: int) -> str:
    """``text``, or its beginning and an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
