"""Texts of agents and of other programs, for a terminal: short, in one line, and with nothing that it would obey."""

from __future__ import annotations

from atlas_otel.console.plain_text import clean, shortened


def short(text: str | None, longest: int = 100) -> str:
    """``text`` in one line of at most ``longest`` characters; a dash where there is none."""
    return shortened(" ".join(clean(text or "-").split()), longest)
