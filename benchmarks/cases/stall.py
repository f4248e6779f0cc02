"""How long an agent's event loop stands still, beside the same agent without instrumentation.

Eight tasks of one loop each sleep for 10 ms and make a call (a dict argument, 1 KB of text back), about 700 calls a
second: decorated in one window, bare in the next, in turns. A ninth task sleeps for 1 ms at a time and notes by how
much it overslept. With Postgres alive, dead (connections are refused) and frozen (a real server under SIGSTOP, which
takes what is sent and never answers). A loop oversleeps without us too: what counts is the difference, at the 99.9th
percentile over all windows.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import tempfile
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from benchmarks.apart import apart
from benchmarks.finding import Finding
from benchmarks.measuring import percentile
from benchmarks.postgres import frozen, server
from benchmarks.task import ARGUMENT, RESULT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from atlas_otel import Telemetry
    from benchmarks.options import Options
    from benchmarks.task import Argument

State = Literal["alive", "dead", "frozen"]
_TICK_S = 0.001
_WORKERS = 8
_PAUSE_S = 0.01


def measure(options: Options) -> Iterable[Finding]:
    """Each state of the database in a process of its own."""
    with server() as postgres:
        for state in ("alive", "dead", "frozen"):
            if state == "frozen" and postgres.folder is None:
                yield Finding(_path(state), _BARE, 5.0, unit="ms more", note="a named server can't be frozen")
                continue
            url = _refusing() if state == "dead" else postgres.database()
            yield apart(measure_one, state, url, postgres.folder, options)
            if state == "alive":
                postgres.drop(url)


_BARE = "the same agent without instrumentation, p99.9"


def _path(state: State) -> str:
    return f"event-loop stall of an async agent, p99.9, Postgres {state}"


def _refusing() -> str:
    """The conninfo of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"host=127.0.0.1 port={probe.getsockname()[1]} user=nobody dbname=nothing"


def measure_one(state: State, url: str, folder: Path | None, options: Options) -> Finding:
    """One state: windows of the decorated agent and of the bare one, in turns."""
    import atlas_otel as atlas

    with tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool:
        os.environ["ATLAS_OTEL_SPOOL_DIR"] = spool
        telemetry = atlas.configure("bench", database_url=url, durability="spool", console=False)
        try:
            return asyncio.run(_agents(state, telemetry, folder, options))
        finally:
            telemetry.shutdown(5)


async def _agents(state: State, telemetry: Telemetry, folder: Path | None, options: Options) -> Finding:
    import atlas_otel as atlas

    async def bare(argument: Argument) -> str:
        return RESULT

    calls = 0

    @atlas.tool
    async def search(argument: Argument) -> str:
        nonlocal calls
        calls += 1
        return RESULT

    seconds = options.pick(1.2, 0.8)
    with atlas.session("warm"):
        await _window(search, 0.5)
    if state != "dead":
        await asyncio.to_thread(telemetry.flush, 20)
    late: dict[str, list[float]] = {"ours": [], "bare": []}
    freezing: AbstractContextManager[None] = contextlib.nullcontext()
    if state == "frozen" and folder is not None:
        freezing = frozen(folder)
    with freezing:
        for number in range(options.rounds):
            for side in ("ours", "bare") if number % 2 else ("bare", "ours"):
                gc.collect()
                if side == "bare":
                    late["bare"] += await _window(bare, seconds)
                else:
                    with atlas.session("bench"):
                        late["ours"] += await _window(search, seconds)
    checked = await asyncio.to_thread(_checked, state, telemetry, calls)
    ours, beside = (percentile(late[side], 0.999) * 1000 for side in ("ours", "bare"))
    spread = "; ".join(
        f"{name} p50 {percentile(values, 0.5) * 1000:.2f}, p99 {percentile(values, 0.99) * 1000:.2f}, "
        f"p99.9 {percentile(values, 0.999) * 1000:.2f}, most {max(values) * 1000:.1f} ms of {len(values):,} sleeps"
        for name, values in late.items()
    )
    return Finding(
        _path(state),
        _BARE,
        5.0,
        value=round(ours - beside, 3),
        unit="ms more",
        checked=checked,
        note=f"{spread}; {options.rounds} windows of {seconds:g} s each",
    )


async def _window(call: Callable[[Argument], Awaitable[str]], seconds: float) -> list[float]:
    """By how much each sleep of the ninth task was too long, in seconds."""
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


def _checked(state: State, telemetry: Telemetry, calls: int) -> str:
    """That every call is stored where the database is there (again), else in the spool. Raises RuntimeError."""
    if state != "dead" and not telemetry.flush(60):
        raise RuntimeError(f"not stored within 60 s: {telemetry.accounts}")
    accounts = telemetry.accounts
    held = accounts.spans.spooled if state == "dead" else accounts.spans.stored
    if held < calls or accounts.dropped or not accounts.balances:
        raise RuntimeError(f"{calls} calls, {held} held: {accounts}")
    where = {"alive": "stored", "dead": "in the spool", "frozen": "stored once it had thawed"}[state]
    return f"Postgres {state}: {calls:,} calls, all {where}, none dropped"
