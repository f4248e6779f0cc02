"""Pieces in processes of their own give their results in order, and what goes wrong there is said here."""

from __future__ import annotations

import os
import signal
import time
from itertools import count, islice

import pytest

from atlas_otel.errors import AtlasOtelError, StoreError, UnavailableStoreError
from atlas_otel.process.jobs import results_in_order


def slow_first(number: int) -> tuple[int, int]:
    time.sleep(0.3 if number == 0 else 0.0)
    return number, os.getpid()


def fails(number: int) -> int:
    raise UnavailableStoreError(f"piece {number}", retryable=True)


def dies(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order(jobs: int) -> None:
    found = list(results_in_order(slow_first, range(6), jobs))
    assert [number for number, _ in found] == list(range(6))
    assert (os.getpid() in {process for _, process in found}) == (jobs == 1)


def test_a_few_pieces_are_ahead_and_no_more() -> None:
    taken = count()
    results = results_in_order(slow_first, (next(taken) for _ in range(1_000)), 2)
    assert len(list(islice(results, 2))) == 2
    assert next(taken) < 10
    results.close()  # type: ignore[attr-defined]


def test_what_a_piece_raises_is_raised_here() -> None:
    with pytest.raises(StoreError, match="piece 0") as raised:
        list(results_in_order(fails, range(3), 2))
    assert isinstance(raised.value, UnavailableStoreError)
    assert raised.value.retryable


def test_a_process_that_is_killed_is_a_failure_with_advice() -> None:
    with pytest.raises(AtlasOtelError, match="a process of --jobs was killed"):
        list(results_in_order(dies, range(3), 2))
