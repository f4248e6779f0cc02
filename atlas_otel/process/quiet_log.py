"""A logger that says at most one line a minute: what goes wrong in the background goes wrong often."""

from __future__ import annotations

import logging
import time
from typing import Final

EVERY_S: Final = 60.0


class QuietLog:
    """Warnings on the logger ``name``; what comes within a minute of a line is counted, and told with the next."""

    def __init__(self, name: str, every_s: float = EVERY_S) -> None:
        self._logger = logging.getLogger(name)
        self._every_s = every_s
        self._next = float("-inf")
        self._held_back = 0

    def warning(self, message: str, *args: object) -> None:
        """Say it, or count it."""
        now = time.monotonic()
        if now < self._next:
            self._held_back += 1
            return
        self._next = now + self._every_s
        more, self._held_back = self._held_back, 0
        if more:
            message += f" ({more} more such lines held back)"
        self._logger.warning(message, *args)
