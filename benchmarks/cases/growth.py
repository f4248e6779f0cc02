"""How the cost of a decorated call grows with what the caller does: larger values, more threads, more processes.

Each point is ours over what stands beside it in the same rounds, so a flat line grows just as OpenTelemetry and a JSON
encoder do. Stored in Postgres, in ``memory`` and in ``spool``.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import orjson
import psycopg

from benchmarks.apart import apart
from benchmarks.finding import Growth
from benchmarks.measuring import alternate, ratio
from benchmarks.postgres import server
from benchmarks.task import ARGUMENT, RESULT, Raw, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.synchronize import Barrier

    from benchmarks.options import Options
    from benchmarks.task import Argument

Durability = Literal["memory", "spool"]
Points = list[tuple[float, float]]
_BYTES = (256, 1024, 4096, 16_384, 65_536, 262_144)
_THREADS = (1, 2, 4, 8)
_PROCESSES = (1, 2, 4)
_CALLS = 200
_BOTH: tuple[Durability, Durability] = ("memory", "spool")


def measure(options: Options) -> Iterable[Growth]:
    """Three plots. What is recorded is counted in each."""
    with server() as postgres:
        sizes, threads, processes = {}, {}, {}
        for durability in _BOTH:
            sizes[durability], threads[durability] = apart(measure_one, durability, postgres.database(), options)
        for durability in _BOTH:
            processes[durability] = [
                (float(count), _processes(durability, postgres.database(), count, options)) for count in _PROCESSES
            ]
    beside = "× raw span"
    yield Growth(
        "A decorated call by the size of its argument",
        "bytes of text in the argument",
        "× raw span with orjson.dumps of it",
        {name: sizes[name] for name in _BOTH},
        "Strings of more than 64 KiB are bounded (`max_string_bytes`), so what is beyond isn't encoded.",
    )
    yield Growth(
        "Decorated calls in several threads",
        "threads, each with a session of its own",
        beside,
        {name: threads[name] for name in _BOTH},
        "The same number of calls for each thread; the interpreter runs one of them at a time.",
    )
    yield Growth(
        "Decorated calls in several processes",
        "processes, all into one database",
        beside,
        {name: processes[name] for name in _BOTH},
        "All processes call at once; the raw spans are made by as many processes at once. Every call was found stored.",
    )


def measure_one(durability: Durability, url: str, options: Options) -> tuple[Points, Points]:
    """Sizes and threads, in one process."""
    import atlas_otel as atlas

    with tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool:
        os.environ["ATLAS_OTEL_SPOOL_DIR"] = spool
        telemetry = atlas.configure("bench", database_url=url, durability=durability, console=False)
        raw = Raw()
        made: list[int] = []  # appended to by several threads

        @atlas.tool
        def search(argument: Argument) -> str:
            return RESULT

        def ours(argument: Argument, calls: int) -> None:
            with atlas.session("bench"):
                for _ in range(calls):
                    search(argument)
            made.append(calls)

        def beside(call: Callable[[Argument], str], argument: Argument, calls: int) -> None:
            with raw.tracer.start_as_current_span("invoke_agent"):
                for _ in range(calls):
                    call(argument)

        def settle() -> None:
            raw.provider.force_flush()
            telemetry.flush(60)

        sizes: Points = []
        encoding = raw.sync_call(lambda value: orjson.dumps(value).decode())
        for size in _BYTES:
            argument = {"text": text(size)}
            calls = max(4, min(100, 400_000 // size))
            taken = alternate(
                {"ours": partial(ours, argument, calls), "raw": partial(beside, encoding, argument, calls)},
                options.rounds,
                between=settle,
            )
            sizes.append((float(size), ratio(taken["ours"], taken["raw"]).median))
        plain = raw.sync_call()
        threads: Points = []
        for count in _THREADS:
            taken = alternate(
                {
                    "ours": partial(_at_once, count, partial(ours, ARGUMENT, _CALLS)),
                    "raw": partial(_at_once, count, partial(beside, plain, ARGUMENT, _CALLS)),
                },
                options.rounds,
                between=settle,
            )
            threads.append((float(count), ratio(taken["ours"], taken["raw"]).median))
        settle()
        _expect(url, sum(made))
        telemetry.shutdown(20)
    return sizes, threads


def _at_once(count: int, work: Callable[[], None]) -> None:
    """The work in so many threads; returns when all are done."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _expect(url: str, calls: int) -> None:
    """Raise RuntimeError unless so many calls are stored."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM atlas_otel.spans WHERE kind = 'tool'").fetchone()
    if row != (calls,):
        raise RuntimeError(f"{calls} calls, {row} stored")


_barrier: Barrier | None = None


def _join_barrier(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _processes(durability: Durability, url: str, count: int, options: Options) -> float:
    """Ours over raw with so many processes that call at once: the median of the slowest process' rounds."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    with (
        tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool,
        ProcessPoolExecutor(count, context, initializer=_join_barrier, initargs=(barrier,)) as pool,
    ):
        running = [pool.submit(one_of_many, durability, url, spool, options.rounds) for _ in range(count)]
        results = [one.result() for one in running]
    _expect(url, sum(calls for _, _, calls in results))
    slowest = {
        side: [max(times) for times in zip(*(result[place] for result in results), strict=True)]
        for place, side in enumerate(("ours", "raw"))
    }
    return ratio(slowest["ours"], slowest["raw"]).median


def one_of_many(durability: Durability, url: str, spool: str, rounds: int) -> tuple[list[float], list[float], int]:
    """Seconds of our rounds and of raw ones, begun together with the other processes'; and how many calls were made."""
    import atlas_otel as atlas

    os.environ["ATLAS_OTEL_SPOOL_DIR"] = spool
    telemetry = atlas.configure("bench", database_url=url, durability=durability, console=False)
    raw = Raw()
    plain = raw.sync_call()
    taken: dict[str, list[float]] = {"ours": [], "raw": []}
    made = 0

    @atlas.tool
    def search(argument: Argument) -> str:
        return RESULT

    for number in range(rounds + 1):
        for side in ("ours", "raw") if number % 2 else ("raw", "ours"):
            telemetry.flush(60)
            assert _barrier is not None
            _barrier.wait(60)
            start = perf_counter()
            if side == "ours":
                with atlas.session("bench"):
                    for _ in range(_CALLS):
                        search(ARGUMENT)
                made += _CALLS
            else:
                with raw.tracer.start_as_current_span("invoke_agent"):
                    for _ in range(_CALLS):
                        plain(ARGUMENT)
            if number:  # the first round warms up
                taken[side].append(perf_counter() - start)
    telemetry.flush(60)
    telemetry.shutdown(20)
    return taken["ours"], taken["raw"], made
