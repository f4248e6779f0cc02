"""A background thread that gives way lets an agent's thread run amid its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from atlas_otel.process.yielding import be_courteous, give_way, unhurried


def turns_of_another(work: Callable[[], None]) -> int:
    """How often another thread, which waits for a moment at a time, comes to run while ``work`` does."""
    turns, over = 0, threading.Event()

    def agent() -> None:
        nonlocal turns
        while not over.is_set():
            time.sleep(0.0001)
            turns += 1

    beside = threading.Thread(target=agent)
    beside.start()
    working = threading.Thread(target=work)
    working.start()
    working.join()
    over.set()
    beside.join()
    return turns


def busy_for(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(100):
            give_way()


def test_a_courteous_thread_is_not_in_the_way() -> None:
    def courteous() -> None:
        be_courteous()
        busy_for(0.3)

    # Another thread waits for a switch interval of 5 ms, so it comes about 60 times.
    assert turns_of_another(courteous) > 1.5 * turns_of_another(lambda: busy_for(0.3))


def test_items_come_as_they_are() -> None:
    assert list(unhurried(range(5))) == [0, 1, 2, 3, 4]
