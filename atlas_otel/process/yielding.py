"""How a background thread of ours gives way to the agent's threads.

A thread that computes keeps the interpreter for a whole switch interval (5 ms) before another gets it, so an event loop
that wakes up amid our work would stand still for as long. A courteous thread works for a millisecond at a time. Where
the agent computes too and takes its time before it lets go, giving way helps nobody's latency, and our thread would
starve: then it breathes rarely.
"""

from __future__ import annotations

import threading
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_T = TypeVar("_T")

_WORK_S: Final = 0.001
_WORK_BESIDE_A_BUSY_AGENT_S: Final = 0.025
_BREATH_S: Final = 0.00005
"""Long enough for a thread that waits to wake up; ``sleep(0)`` would take the interpreter back before it does."""
_SHORT_S: Final = 0.002


class _Thread(threading.local):
    until: float | None = None
    """When to breathe next; None: this thread gives way to nobody."""


_thread: Final = _Thread()


def be_courteous() -> None:
    """From now on :func:`give_way` lets others have the interpreter, when it is called on this thread."""
    _thread.until = perf_counter() + _WORK_S


def give_way() -> None:
    """Let the agent's threads have the interpreter, if this thread has worked for long enough.

    For the loops of background work, once for each record: it costs a tenth of a microsecond. Does nothing on a thread
    that was not told to be courteous: the command line's, a collector's.
    """
    if _thread.until is None:
        return
    began = perf_counter()
    if began < _thread.until:
        return
    sleep(_BREATH_S)
    ended = perf_counter()
    _thread.until = ended + (_WORK_S if ended - began < _SHORT_S else _WORK_BESIDE_A_BUSY_AGENT_S)


def unhurried(items: Iterable[_T]) -> Iterator[_T]:
    """``items``, with :func:`give_way` before each."""
    for item in items:
        give_way()
        yield item
