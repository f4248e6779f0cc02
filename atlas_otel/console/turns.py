"""Where a program prints to the terminal that its story is shown on, it waits for the lines that come before.

The story is written by a thread of its own, so without this a print would overtake what led to it. A wait is short and
bounded: a terminal that is slower costs the order, not the program.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S: Final = 0.05
FIRST_S: Final = 2.0
"""The first lines load what they are drawn with."""


class Turns:
    """Standard output and error, where both are the terminal, ask ``behind`` before each write."""

    def __init__(self, behind: Callable[[], bool]) -> None:
        """``behind``: whether this thread has to wait for lines that are not shown yet. It must not raise."""
        self._behind = behind
        self._longest_s = FIRST_S
        self._held: list[tuple[Any, Any]] = []

    def take(self) -> None:
        """Begin. Streams that take no other ``write`` stay as they are."""
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream.isatty():
                    self._wrap(stream)
            except (AttributeError, TypeError, ValueError):  # none, closed, or of a kind of its own
                continue

    def leave(self) -> None:
        """The streams are as they were, unless somebody has put a ``write`` of his own there since."""
        for stream, write in self._held:
            if vars(stream).get("write") is write:
                del stream.write
        self._held.clear()

    def _wrap(self, stream: Any) -> None:
        if "write" in vars(stream):  # somebody else's
            return
        original = stream.write

        def write(text: str) -> int:
            self._wait()
            written: int = original(text)
            return written

        stream.write = write
        self._held.append((stream, write))

    def _wait(self) -> None:
        if not self._behind():
            return
        deadline = time.monotonic() + self._longest_s
        while self._behind() and time.monotonic() < deadline:
            time.sleep(0.001)
        self._longest_s = LONGEST_S
