"""The process' clock: Unix nanoseconds, strictly increasing, so that time is an order as well.

Two events of one process never share a time, also where the system clock steps back or is coarse. Tests put a stepped
clock in its place (``atlas_otel.testing``).
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Strictly increasing Unix time in nanoseconds. Thread-safe."""

    def __init__(self, source: Callable[[], int] = time.time_ns) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._last = 0
        _clocks.add(self)

    def now_ns(self) -> int:
        """The time, at least one nanosecond later than any answer before."""
        with self._lock:
            now = self._source()
            if now <= self._last:
                now = self._last + 1
            self._last = now
            return now


_clocks: weakref.WeakSet[Clock] = weakref.WeakSet()


def _child_started() -> None:
    # Another thread of the parent may have held a lock at the fork; nobody is left in the child to let go of it.
    for clock in list(_clocks):
        clock._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_child_started)
