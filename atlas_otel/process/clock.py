"""The process' clock: Unix nanoseconds, strictly increasing, so that time is an order as well.

Two events of one process never share a time, also where the system clock steps back or is coarse. Tests put a stepped
clock in its place (``atlas_otel.testing``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from atlas_otel.process import fork

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Strictly increasing Unix time in nanoseconds. Thread-safe."""

    def __init__(self, source: Callable[[], int] = time.time_ns) -> None:
        self._source = source
        self._last = 0
        self._lock = fork.lock()

    def now_ns(self) -> int:
        """The time, at least one nanosecond later than any answer before."""
        with self._lock:
            now = self._source()
            if now <= self._last:
                now = self._last + 1
            self._last = now
            return now
