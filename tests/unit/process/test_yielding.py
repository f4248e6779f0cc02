"""A background thread yields the interpreter after a while of work, on a stepped clock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from atlas_otel.process import yielding


class SteppedClock:
    """Stands still but for what work and pauses take. ``resume_s``: how long a pause lasts beyond what was asked."""

    def __init__(self, resume_s: float) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self._resume_s = resume_s

    def work(self, total_s: float) -> None:
        """Work for so long, in items of a tenth of a millisecond."""
        for _ in yielding.yielding(range(round(total_s / 0.0001))):
            self.now += 0.0001

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds + self._resume_s


@pytest.fixture(name="clock_of")
def _clock_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], SteppedClock]:
    def made(resume_s: float) -> SteppedClock:
        clock = SteppedClock(resume_s)
        monkeypatch.setattr(yielding, "perf_counter", lambda: clock.now)
        monkeypatch.setattr(yielding, "sleep", clock.sleep)
        return clock

    return made


def on_a_thread_that_yields(work: Callable[[], None]) -> None:
    def run() -> None:
        yielding.enable_yielding()
        work()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def test_it_pauses_about_once_a_millisecond(clock_of: Callable[[float], SteppedClock]) -> None:
    clock = clock_of(0.0)
    on_a_thread_that_yields(lambda: clock.work(0.1))
    assert 80 <= len(clock.pauses) <= 100
    assert min(clock.pauses) > 0, "sleep(0) would take the interpreter back at once"


def test_beside_a_thread_that_keeps_the_interpreter_it_pauses_rarely(
    clock_of: Callable[[float], SteppedClock],
) -> None:
    clock = clock_of(0.005)
    on_a_thread_that_yields(lambda: clock.work(0.1))
    assert 3 <= len(clock.pauses) <= 5


def test_a_thread_that_did_not_ask_for_it_never_pauses(clock_of: Callable[[float], SteppedClock]) -> None:
    clock = clock_of(0.0)
    clock.work(0.1)
    assert not clock.pauses


def test_items_come_as_they_are() -> None:
    assert list(yielding.yielding(range(5))) == [0, 1, 2, 3, 4]
