"""Waking a sleeping thread, from any thread.

``threading.Event`` holds a lock inside its methods. If a signal handler raises there (Ctrl-C, a timeout by SIGALRM),
the lock is never released and the next caller of ``set`` hangs. A ``SimpleQueue`` uses no Python lock and may be put to
from signal handlers and finalisers.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue


class Bell:
    """A flag that one thread waits for: set by :meth:`ring`, reset by :meth:`clear`."""

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake the waiting thread; its next wait returns at once too, until it is cleared. Never blocks."""
        if self._rings.empty():
            self._rings.put(None)

    @property
    def ringing(self) -> bool:
        """Whether it was rung since it was cleared."""
        return not self._rings.empty()

    def clear(self) -> None:
        """Reset it. For the thread that waits."""
        try:
            while True:  # two threads may have rung at once
                self._rings.get_nowait()
        except Empty:
            pass

    def wait(self, timeout_s: float) -> bool:
        """Block until it rings, for at most ``timeout_s`` seconds; return whether it rang. For one thread."""
        try:
            self._rings.get(timeout=max(0.0, timeout_s))
        except Empty:
            return False
        self.ring()
        return True
