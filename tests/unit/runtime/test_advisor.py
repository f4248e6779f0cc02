"""Functions sync and async: in the caller's context, within their time, never in the way of the process' end."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from atlas_otel.runtime.advisor import OutOfTime, call, in_thread, within
from atlas_otel.runtime.loading import accepted

WHO = contextvars.ContextVar("who", default="nobody")


async def test_a_sync_function_runs_in_a_thread_in_the_callers_context():
    WHO.set("me")
    assert await call(lambda: (WHO.get(), threading.current_thread() is threading.main_thread())) == ("me", False)


async def test_what_a_function_raises_arrives():
    def stops():
        raise StopIteration

    def exits():
        raise SystemExit(3)

    with pytest.raises(ZeroDivisionError):
        await call(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_thread(stops)
    with pytest.raises(SystemExit):
        await in_thread(exits)


async def test_a_sync_function_may_return_a_coroutine():
    async def inner():
        return 7

    assert await call(lambda: inner()) == 7


async def test_more_functions_than_an_executor_has_threads_run_at_once():
    barrier = threading.Barrier(50, timeout=20)
    await asyncio.gather(*(call(barrier.wait) for _ in range(50)))


async def test_a_limit_is_a_timeout_error_that_says_so():
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 seconds"):
        await within(0.05, call(time.sleep, 1))
    assert await within(0, call(lambda: "without limit")) == "without limit"


async def test_a_callee_that_takes_no_notice_of_being_cancelled_is_left_behind():
    async def stubborn():
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(5)
        raise ValueError("long after")

    begun = time.monotonic()
    with pytest.raises(OutOfTime):
        await within(0.05, stubborn())
    assert time.monotonic() - begun < 4


async def test_a_timeout_of_the_callees_own_is_told_from_ours():
    async def own():
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine") as caught:
        await within(5, own())
    assert not isinstance(caught.value, OutOfTime)


async def test_cancelling_the_waiter_cancels_the_callee():
    cancelled = asyncio.Event()

    async def callee():
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    waiting = asyncio.ensure_future(within(50, callee()))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert cancelled.is_set()


def test_a_function_that_hangs_does_not_keep_the_process():
    program = (
        "import asyncio, time\n"
        "from atlas_otel.runtime.advisor import call, within\n"
        "try:\n"
        "    asyncio.run(within(0.1, call(time.sleep, 600)))\n"
        "except TimeoutError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "no answer within 0.1 seconds"), done.stderr


def test_a_function_gets_the_keywords_that_it_takes():
    values = {"a": 1, "b": 2}
    assert accepted(lambda a: a, values) == {"a": 1}
    assert accepted(lambda **more: more, values) == values
    assert accepted(lambda a, /, b: a, values) == {"b": 2}
    assert accepted(print, {"sep": ""}) == {"sep": ""}
