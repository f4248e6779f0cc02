"""Background threads of ours yield the interpreter to the agent's threads.

A thread that computes holds the GIL for a whole switch interval (5 ms), so an event loop that wakes up meanwhile stalls
for as long. A yielding thread works for a millisecond at a time. Where the agent itself computes, and takes long to
give the GIL back, yielding does not help its latency and would starve our thread: it then yields less often.
"""

from __future__ import annotations

import threading
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T")

_WORK_S: Final = 0.001
_WORK_BUSY_S: Final = 0.025
_PAUSE_S: Final = 0.00005
"""Long enough for a waiting thread to wake up; after ``sleep(0)`` this one would take the GIL back first."""
_SHORT_S: Final = 0.002


class _Thread(threading.local):
    until: float | None = None
    """When to yield next; None: this thread never yields."""


_thread: Final = _Thread()


def enable_yielding() -> None:
    """From now on, :func:`yield_gil` has an effect on this thread."""
    _thread.until = perf_counter() + _WORK_S


def yield_gil() -> None:
    """Let other threads run, if this one has worked for long enough.

    For the loops of background work, once for each record: it costs a tenth of a microsecond. Does nothing on a thread
    that has not called :func:`enable_yielding`, such as the command line's or a collector's.
    """
    if _thread.until is None:
        return
    began = perf_counter()
    if began < _thread.until:
        return
    sleep(_PAUSE_S)
    ended = perf_counter()
    _thread.until = ended + (_WORK_S if ended - began < _SHORT_S else _WORK_BUSY_S)


def yielding(items: Iterable[_T]) -> Iterator[_T]:
    """``items``, with :func:`yield_gil` before each."""
    for item in items:
        yield_gil()
        yield item
