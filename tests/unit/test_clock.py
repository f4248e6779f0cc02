"""The clock only goes forward, and a fork in the middle of a look at it stalls nobody."""

from __future__ import annotations

import os
import signal

from atlas_otel import state
from atlas_otel.clock import Clock


def test_it_goes_forward_where_the_system_clock_does_not() -> None:
    moments = iter([5, 5, 3, 9])
    clock = Clock(lambda: next(moments))
    assert [clock.now_ns() for _ in range(4)] == [5, 6, 7, 9]


def test_a_child_does_not_wait_for_a_lock_that_the_parent_held() -> None:
    clock = Clock()
    with clock._lock, state._harm_lock:
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            clock.now_ns()
            state.absorbed("test")
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
