"""How long an agent's event loop stands still, beside the same agent without instrumentation.

Eight tasks of one loop each sleep for 10 ms and make a call (a dict argument, 1 KB of text back), about 700 calls a
second: decorated in one window, bare and in another process in the next, in turns. A ninth task sleeps for 1 ms at a
time and notes by how much it overslept. With Postgres alive, dead (connections are refused) and frozen (a real server
under SIGSTOP, which takes what is sent and never answers). A loop oversleeps without us too: what counts is the
difference, at the 99.9th percentile over all windows.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import socket
import tempfile
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from benchmarks.finding import Finding
from benchmarks.measuring import percentile
from benchmarks.postgres import frozen, server
from benchmarks.task import ARGUMENT, RESULT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from benchmarks.options import Options
    from benchmarks.task import Argument

State = Literal["alive", "dead", "frozen"]
_TICK_S = 0.001
_WORKERS = 8
_PAUSE_S = 0.01
_calls = 0


def measure(options: Options) -> Iterable[Finding]:
    """Each state of the database in a process of its own."""
    with server() as postgres:
        for state in ("alive", "dead", "frozen"):
            if state == "frozen" and postgres.folder is None:
                yield Finding(_path(state), _BARE, 5.0, unit="ms more", note="a named server can't be frozen")
                continue
            url = _refusing() if state == "dead" else postgres.database()
            yield _measure_one(state, url, postgres.folder, options)
            if state == "alive":
                postgres.drop(url)


_BARE = "the same agent without instrumentation, p99.9"


def _path(state: State) -> str:
    return f"event-loop stall of an async agent, p99.9, Postgres {state}"


def _refusing() -> str:
    """The conninfo of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"host=127.0.0.1 port={probe.getsockname()[1]} user=nobody dbname=nothing"


def _measure_one(state: State, url: str, folder: Path | None, options: Options) -> Finding:
    """One state: windows of the decorated agent and of the bare one, in turns, each in a process that lasts."""
    spawn = multiprocessing.get_context("spawn")
    late: dict[str, list[float]] = {"ours": [], "bare": []}
    seconds = options.pick(1.2, 0.8)
    with (
        tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool,
        ProcessPoolExecutor(1, spawn, initializer=configure, initargs=(url, spool)) as ours,
        ProcessPoolExecutor(1, spawn) as bare,
    ):
        ours.submit(decorated_window, 0.5).result()
        bare.submit(bare_window, 0.5).result()
        if state != "dead":
            ours.submit(flush).result()
        with frozen(folder) if state == "frozen" and folder is not None else contextlib.nullcontext():
            for number in range(options.rounds):
                for side in ("ours", "bare") if number % 2 else ("bare", "ours"):
                    if side == "ours":
                        late[side] += ours.submit(decorated_window, seconds).result()
                        if state == "alive":  # so that nothing is stored while the other one runs
                            ours.submit(flush).result()
                    else:
                        late[side] += bare.submit(bare_window, seconds).result()
        checked = ours.submit(finish, state).result()
    at = {name: percentile(values, 0.999) * 1000 for name, values in late.items()}
    spread = "; ".join(
        f"{name} p50 {percentile(values, 0.5) * 1000:.2f}, p99 {percentile(values, 0.99) * 1000:.2f}, "
        f"p99.9 {at[name]:.2f}, most {max(values) * 1000:.1f} ms of {len(values):,} sleeps"
        for name, values in late.items()
    )
    return Finding(
        _path(state),
        _BARE,
        5.0,
        value=round(at["ours"] - at["bare"], 3),
        unit="ms more",
        checked=checked,
        note=f"{spread}; {options.rounds} windows of {seconds:g} s each",
    )


# --- in the agents' processes ----------------------------------------------------------------------------------------


def configure(url: str, spool: str) -> None:
    """Record into the spool, from there into the database."""
    import atlas_otel

    os.environ["ATLAS_OTEL_SPOOL_DIR"] = spool
    atlas_otel.configure("bench", database_url=url, durability="spool", console=False)


def flush() -> bool:
    """Have everything stored."""
    import atlas_otel

    return atlas_otel.flush(60)


def decorated_window(seconds: float) -> list[float]:
    """A window of the decorated agent, a session."""
    import atlas_otel as atlas

    @atlas.tool
    async def search(argument: Argument) -> str:
        global _calls
        _calls += 1
        return RESULT

    async def agent() -> list[float]:
        with atlas.session("bench"):
            return await _window(search, seconds)

    return asyncio.run(agent())


def bare_window(seconds: float) -> list[float]:
    """A window of the bare agent, in whose process nothing is configured."""

    async def search(argument: Argument) -> str:
        return RESULT

    return asyncio.run(_window(search, seconds))


def finish(state: State) -> str:
    """That every call is stored where the database is there (again), else in the spool. Raises RuntimeError."""
    from atlas_otel.pipeline import current

    telemetry = current()
    if telemetry is None or (state != "dead" and not telemetry.flush(60)):
        raise RuntimeError("not stored within 60 s")
    accounts = telemetry.accounts
    held = accounts.spans.spooled if state == "dead" else accounts.spans.stored
    if held < _calls or accounts.dropped or not accounts.balances:
        raise RuntimeError(f"{_calls} calls, {held} held: {accounts}")
    telemetry.shutdown(5)
    where = {"alive": "stored", "dead": "in the spool", "frozen": "stored once it had thawed"}[state]
    return f"Postgres {state}: {_calls:,} calls, all {where}, none dropped"


async def _window(call: Callable[[Argument], Awaitable[str]], seconds: float) -> list[float]:
    """By how much each sleep of the ninth task was too long, in seconds."""
    gc.collect()
    ends = perf_counter() + seconds

    async def work() -> None:
        while perf_counter() < ends:
            await asyncio.sleep(_PAUSE_S)
            await call(ARGUMENT)

    workers = [asyncio.create_task(work()) for _ in range(_WORKERS)]
    late: list[float] = []
    while (now := perf_counter()) < ends:
        await asyncio.sleep(_TICK_S)
        late.append(max(0.0, perf_counter() - now - _TICK_S))
    await asyncio.gather(*workers)
    return late
