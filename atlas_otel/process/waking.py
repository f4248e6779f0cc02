"""What wakes a thread that sleeps: rung from any thread, heard by one.

``threading.Event`` does the same with a lock that its methods hold for a moment. Where a signal's handler raises then
(Ctrl-C, a timeout by SIGALRM), it stays held for ever, and so does whoever sets the event next. A
``SimpleQueue`` takes no lock of Python's, and may be put to from signal handlers and finalisers.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue


class Bell:
    """Silent at first; rung until it is hushed."""

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake who waits; who comes to wait later does not. Never waits."""
        if self._rings.empty():
            self._rings.put(None)

    @property
    def ringing(self) -> bool:
        """Whether it was rung since it was hushed."""
        return not self._rings.empty()

    def hush(self) -> None:
        """Make it silent again. For the thread that waits."""
        try:
            while True:  # two threads may have rung at once
                self._rings.get_nowait()
        except Empty:
            pass

    def wait(self, timeout_s: float) -> bool:
        """Wait until it rings, ``timeout_s`` seconds at most; whether it does. For one thread."""
        try:
            self._rings.get(timeout=max(0.0, timeout_s))
        except Empty:
            return False
        self.ring()
        return True
