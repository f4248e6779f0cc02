"""The clock only goes forward."""

from __future__ import annotations

from atlas_otel.process.clock import Clock


def test_it_goes_forward_where_the_system_clock_does_not() -> None:
    moments = iter([5, 5, 3, 9])
    clock = Clock(lambda: next(moments))
    assert [clock.now_ns() for _ in range(4)] == [5, 6, 7, 9]
