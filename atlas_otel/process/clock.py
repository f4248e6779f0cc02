"""The process' clock: Unix nanoseconds that go on evenly, whatever becomes of the system's clock meanwhile.

The system's clock is looked at once, and from then on the monotonic one is added to that: a duration is always what
passed. Where the two drift apart for good (the system's clock was set, the machine slept), the clock is anchored anew;
a jump that is taken back within a moment changes nothing. Whatever began before goes on counting from the anchor that
it began with (:meth:`Clock.since`), so that no span ends before it starts, or lasts an hour that nobody waited.

On one anchor no two answers are the same, so that time is an order as well. Tests put a stepped clock in its place
(``atlas_otel.testing``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from atlas_otel.process import fork

if TYPE_CHECKING:
    from collections.abc import Callable

LATEST_NS: Final = 2**63 - 1 - 10**18
"""The latest time that is taken from the system's clock: stores hold 64 bits, which end in 2262, and a run goes on."""
JUMP_NS: Final = 1_000_000_000
"""How far the system's clock must be off to have jumped."""
LOOK_NS: Final = 100_000_000
"""How long lies between two looks at it; a jump that both see is one."""


def plausible_ns(time_ns: int) -> int:
    """A Unix time in nanoseconds as every store can hold it: between 1970 and 2230."""
    return min(max(time_ns, 0), LATEST_NS)


class Clock:
    """Unix time in nanoseconds, strictly increasing between two anchors. Thread-safe.

    ``wall`` is the system's clock, ``steady`` one that never jumps; both in nanoseconds.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall = wall
        self._steady = steady
        self._lock = fork.lock()
        self._last = 0
        self._suspected: int | None = None
        at = steady()
        self._look_at = at + LOOK_NS
        self.anchor = plausible_ns(wall()) - at
        """What is added to the steady clock: the same for times that may be compared."""

    def now_ns(self) -> int:
        """The time, at least one nanosecond later than any answer on this anchor."""
        with self._lock:
            at = self._steady()
            if at >= self._look_at:
                self._look(at)
            now = at + self.anchor
            if now <= self._last:
                now = self._last + 1
            self._last = now
            return now

    def since(self, anchor: int) -> int:
        """The time as it goes on from ``anchor``, which was the clock's before: what began on it ends on it."""
        now = self.now_ns()
        return now if anchor == self.anchor else now - self.anchor + anchor

    def _look(self, at: int) -> None:
        self._look_at = at + LOOK_NS
        off = plausible_ns(self._wall()) - at - self.anchor
        if abs(off) < JUMP_NS:
            self._suspected = None
        elif self._suspected is None or abs(off - self._suspected) >= JUMP_NS:
            self._suspected = off
        else:
            self._suspected = None
            self.anchor += off
            self._last = 0
