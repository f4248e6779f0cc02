"""The clock goes on evenly, whatever the system's clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.process.clock import JUMP_NS, LATEST_NS, LOOK_NS, Clock, plausible_ns

START = 1_700_000_000_000_000_000
HOUR = 3_600_000_000_000


class System:
    """A system whose clock is set now and then."""

    def __init__(self) -> None:
        self.passed = 5
        self.off = 0

    def wall(self) -> int:
        return START + self.passed + self.off

    def steady(self) -> int:
        return self.passed


def clock_of(system: System) -> Clock:
    return Clock(system.wall, system.steady)


def test_no_two_answers_are_the_same() -> None:
    system = System()
    clock = clock_of(system)
    assert [clock.now_ns() - START for _ in range(3)] == [5, 6, 7]
    system.passed = 9
    assert clock.now_ns() - START == 9


def test_a_jump_that_is_taken_back_changes_nothing() -> None:
    system = System()
    clock = clock_of(system)
    times = []
    for off in (0, HOUR, 0, -HOUR, 0, 0):
        system.off = off
        system.passed += LOOK_NS
        times.append(clock.now_ns() - START - 5)
    assert times == [LOOK_NS * number for number in range(1, 7)]


def test_one_that_lasts_is_taken_over_and_what_began_before_goes_on() -> None:
    for jump in (HOUR, -HOUR):
        system = System()
        clock = clock_of(system)
        began, anchor = clock.now_ns(), clock.anchor
        system.off = jump
        for _ in range(3):
            system.passed += LOOK_NS
            clock.now_ns()
        assert clock.now_ns() - system.wall() in range(10)
        assert clock.since(anchor) - began - 3 * LOOK_NS in range(10)
        assert clock.anchor - anchor == jump


def test_times_that_no_store_holds_are_none() -> None:
    for wall, expected in ((2**63 + HOUR, LATEST_NS), (-HOUR, 0)):
        clock = Clock(lambda wall=wall: wall, lambda: 0)  # type: ignore[misc]
        assert clock.now_ns() - expected in range(2)
    assert [plausible_ns(time) for time in (-1, START, 2**64)] == [0, START, LATEST_NS]


@given(st.lists(st.tuples(st.integers(0, 3 * LOOK_NS), st.integers(-3, 3).map(lambda n: n * HOUR)), max_size=30))
def test_on_one_anchor_durations_are_what_passed(steps: list[tuple[int, int]]) -> None:
    system = System()
    clock = clock_of(system)
    began, anchor, at = clock.now_ns(), clock.anchor, system.passed
    before = began
    for passed, off in steps:
        system.passed += passed
        system.off = off
        now = clock.since(anchor)
        assert now > before or clock.anchor != anchor
        assert 0 <= now - began - (system.passed - at) <= 2 * len(steps)  # each look is a nanosecond later
        assert abs(clock.now_ns() - START - system.passed) <= 3 * HOUR + JUMP_NS
        before = now
