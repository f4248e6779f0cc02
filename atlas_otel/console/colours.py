"""Colours that can be read on a dark and on a light background, by their names in rich."""

from __future__ import annotations

from typing import Final

GREEN: Final = "green4"
RED: Final = "red3"
ORANGE: Final = "dark_orange3"
BLUE: Final = "dodger_blue1"
PURPLE: Final = "medium_orchid3"
GREY: Final = "grey50"
COLOURS: Final = (GREEN, RED, ORANGE, BLUE, PURPLE, GREY)
"""Each has a contrast of at least 3.5 to black and to white."""
