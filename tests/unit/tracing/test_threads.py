"""Threads, pools and greenlets: each call is in the session of whoever asked for it, in no other."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.pool import Pool, ThreadPool
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

import atlas_otel as atlas
from atlas_otel.testing import Recording, recording
from atlas_otel.tracing.threads import carry_context


@pytest.fixture(params=[False, True], ids=["alone", "beside OpenTelemetry's"], autouse=True)
def _both(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ours alone, and with the instrumentation that does the same."""
    carry_context()
    if not request.param:
        yield
        return
    ThreadingInstrumentor().instrument()
    try:
        yield
    finally:
        ThreadingInstrumentor().uninstrument()


@atlas.tool
def work(owner: str) -> str:
    return owner


def owners(recorded: Recording) -> list[tuple[str, str]]:
    """Of each call: who asked for it, and the name of the session that it is in."""
    tasks = {span.session_key: span.attributes["atlas.task"] for span in recorded.spans if span.kind == "session"}
    calls = [span for span in recorded.spans if span.kind == "tool"]
    return [(str(s.attributes["gen_ai.tool.call.arguments"])[10:-2], str(tasks[s.session_key])) for s in calls]


class Worker(threading.Thread):
    """A thread with a ``run`` of its own."""

    def run(self) -> None:
        work(self.name)


def _subclass(pool: Any, owner: str) -> None:
    thread = Worker(name=owner)
    thread.start()
    thread.join()


def _timer(pool: Any, owner: str) -> None:
    timer = threading.Timer(0, work, [owner])
    timer.start()
    timer.join()


def _callbacks(pool: ThreadPool, owner: str) -> None:
    done = threading.Semaphore(0)

    def tell(_: object) -> None:
        work(owner)
        done.release()

    pool.apply_async(len, ("",), callback=tell)
    pool.map_async(len, [""], callback=tell)
    pool.apply_async(len, (5,), error_callback=tell)
    for _ in range(3):
        done.acquire()


def _lazy(pool: ThreadPool, owner: str) -> None:
    list(pool.imap(str, (work(owner) for _ in range(3))))


async def _in_executor(owner: str) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work, owner)


WAYS: dict[str, tuple[Callable[[], Any] | None, Callable[[Any, str], object]]] = {
    "apply": (lambda: ThreadPool(1), lambda pool, owner: pool.apply(work, (owner,))),
    "apply_async": (lambda: ThreadPool(1), lambda pool, owner: pool.apply_async(func=work, args=(owner,)).get()),
    "map": (lambda: ThreadPool(2), lambda pool, owner: pool.map(work, [owner] * 5, chunksize=2)),
    "starmap": (lambda: ThreadPool(1), lambda pool, owner: pool.starmap(work, [(owner,)])),
    "imap": (lambda: ThreadPool(1), lambda pool, owner: list(pool.imap(work, iter([owner] * 3), 2))),
    "imap_unordered": (lambda: ThreadPool(1), lambda pool, owner: list(pool.imap_unordered(work, [owner]))),
    "callbacks": (lambda: ThreadPool(1), _callbacks),
    "lazy iterable": (lambda: ThreadPool(1), _lazy),
    "submit": (lambda: ThreadPoolExecutor(1), lambda pool, owner: pool.submit(work, owner).result()),
    "executor's map": (lambda: ThreadPoolExecutor(1), lambda pool, owner: list(pool.map(work, [owner] * 2))),
    "run_in_executor": (None, lambda pool, owner: asyncio.run(_in_executor(owner))),
    "to_thread": (None, lambda pool, owner: asyncio.run(asyncio.to_thread(work, owner))),  # type: ignore[arg-type]
    "subclass": (None, _subclass),
    "timer": (None, _timer),
}


@contextmanager
def _open(make: Callable[[], Any] | None) -> Iterator[Any]:
    """A pool, made inside the first session that asks for it."""
    made: list[Any] = []

    def pool() -> Any:
        if make is not None and not made:
            made.append(make())
        return made[0] if made else None

    try:
        yield pool
    finally:
        for one in made:
            one.terminate() if isinstance(one, Pool) else one.shutdown()


@pytest.mark.parametrize("way", WAYS)
def test_each_call_is_in_the_session_that_asked_for_it(way: str) -> None:
    make, ask = WAYS[way]

    @atlas.session
    def handle(task: str) -> None:
        ask(pool(), task)

    with _open(make) as pool, recording() as recorded:
        for task in "ABC":
            handle(task)
    found = owners(recorded)
    assert {owner for owner, _ in found} == set("ABC")
    assert [pair for pair in found if pair[0] != pair[1]] == []
    assert not any("atlas.after_session" in span.attributes for span in recorded.spans)


def test_a_worker_that_outlives_its_session_is_marked_and_sessions_that_it_handles_are_their_own() -> None:
    jobs: queue.Queue[Callable[[], object] | None] = queue.Queue()

    def loop() -> None:
        while (job := jobs.get()) is not None:
            job()
            jobs.task_done()
        jobs.task_done()

    @atlas.session
    def handle(task: str) -> None:
        work(task)

    with recording() as recorded:
        with atlas.session("A"):
            thread = threading.Thread(target=loop)
            thread.start()
            jobs.put(lambda: work("A in time"))
            jobs.join()
        jobs.put(lambda: work("B late"))
        jobs.put(lambda: handle("C"))
        jobs.put(None)
        thread.join()
    tools = [span for span in recorded.spans if span.kind == "tool"]
    calls = {name: span for span, (name, _) in zip(tools, owners(recorded), strict=True)}
    assert "atlas.after_session" not in calls["A in time"].attributes
    assert calls["B late"].attributes["atlas.after_session"] is True
    session = recorded.span("invoke_agent handle")
    assert (session.kind, session.parent_span_id) == ("session", None)
    assert session.trace_id != calls["B late"].trace_id
    assert (calls["C"].session_key, calls["C"].trace_id) == (session.session_key, session.trace_id)
    assert "atlas.after_session" not in calls["C"].attributes


def test_only_the_context_is_carried() -> None:
    """A thread without one stays without; what it makes current stays in it; what it raises is as it was."""
    seen: list[object] = []

    def look() -> None:
        seen.append((baggage.get_baggage("k"), trace.get_current_span().get_span_context().is_valid))
        otel_context.attach(baggage.set_baggage("k", "thread's"))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(look).result()
        token = otel_context.attach(baggage.set_baggage("k", "v"))
        try:
            pool.submit(lambda: seen.append(baggage.get_baggage("k"))).result()
            with pytest.raises(ZeroDivisionError):
                pool.submit(lambda: 1 / 0).result()
            with pytest.raises((TypeError, IndexError)):  # the latter is the other instrumentation's
                pool.submit()  # type: ignore[call-arg]
        finally:
            otel_context.detach(token)
    assert seen[0] == (None, False)
    assert seen[2] == "v"
    assert "_atlas_otel_context" not in vars(thread)


@pytest.mark.parametrize("first", ["multiprocessing.pool", "concurrent.futures", "atlas_otel"])
def test_in_whatever_order_they_are_imported(first: str) -> None:
    program = f"""
import {first}
from atlas_otel.tracing.threads import carry_context
carry_context()
import sys
assert ("multiprocessing.pool" in sys.modules) == {first == "multiprocessing.pool"}
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from opentelemetry import baggage, context
with ThreadPool(1) as pool, ThreadPoolExecutor(1) as executor:
    context.attach(baggage.set_baggage("k", "v"))
    print(pool.apply(baggage.get_baggage, ("k",)), executor.submit(baggage.get_baggage, "k").result())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "v v\n", done.stderr
