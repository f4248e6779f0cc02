"""A decorated call on the agent's thread, beside a raw OpenTelemetry span, with a real Postgres alive.

Ours: ``@atlas.tool`` on a function that takes a dict and returns 1 KB of text; both are captured. Beside it, in the
same process: ``start_as_current_span``, six attributes, a ``BatchSpanProcessor`` whose exporter drops what it gets. A
round is a burst of 300 calls of each (100 of 20 KB); what was recorded is stored before the next begins. *Without a
pause* is a burst of 8,000, so long that the thread that stores takes its share of the interpreter meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson
import psycopg

from benchmarks.apart import apart
from benchmarks.finding import Finding
from benchmarks.measuring import alternate_both, ratio
from benchmarks.postgres import server
from benchmarks.task import ARGUMENT, RESULT, Raw, messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from benchmarks.finding import Ratio
    from benchmarks.options import Options
    from benchmarks.task import Argument

Durability = Literal["memory", "spool"]
Both = tuple["Ratio", "Ratio"]
"""Of the time, and of the calling thread's CPU time."""
_GOALS: dict[Durability, float] = {"memory": 1.0, "spool": 1.3}
_RAW = "raw span, six attributes, batch processor"


def measure(options: Options) -> Iterable[Finding]:
    """Both durabilities, each in a process of its own."""
    with server() as postgres:
        for durability in ("memory", "spool"):
            yield from apart(measure_one, durability, postgres.database(), options)


def measure_one(durability: Durability, url: str, options: Options) -> list[Finding]:
    """All rows of one durability, with Postgres alive at ``url``."""
    with tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool:
        os.environ["ATLAS_OTEL_SPOOL_DIR"] = spool
        bench = _Bench(durability, url, options)
        try:
            return bench.findings()
        finally:
            bench.telemetry.shutdown(20)


@dataclass(slots=True)
class _Counts:
    ours: int = 0
    raw: int = 0


class _Bench:
    def __init__(self, durability: Durability, url: str, options: Options) -> None:
        import atlas_otel as atlas

        self.atlas = atlas
        self.durability = durability
        self.url = url
        self.options = options
        self.telemetry = atlas.configure("bench", database_url=url, durability=durability, console=False)
        self.raw = Raw()
        self.calls = _Counts()

    def findings(self) -> list[Finding]:
        """Every row; what is stored is counted at the end, for all of them."""
        ours, raw = self._tool(), self.raw.sync_call()
        encoding = self.raw.sync_call(lambda value: orjson.dumps(value).decode())
        talk = messages(20 * 1024)
        burst, few, long = self.options.pick((300, 100, 8_000), (300, 100, 3_000))
        measured = [
            ("sync", _RAW, _GOALS[self.durability], self._beside(ours, raw, ARGUMENT, burst)),
            ("async", _RAW, _GOALS[self.durability], self._async_beside(burst)),
            (
                "20 KB of messages as argument",
                "raw span with `orjson.dumps` of them as an attribute",
                1.3,
                self._beside(ours, encoding, talk, few),
            ),
            ("sync, without a pause", _RAW, None, self._beside(ours, raw, ARGUMENT, long, rounds=self.options.rounds)),
        ]
        checked = self._checked()
        return [
            Finding(
                f"decorated call, `{self.durability}`, {path}",
                beside,
                goal,
                taken,
                checked=checked,
                note=f"of the calling thread's CPU time {used.brief}",
            )
            for path, beside, goal, (taken, used) in measured
        ]

    def _tool(self) -> Callable[[Argument], str]:
        @self.atlas.tool
        def search(argument: Argument) -> str:
            return RESULT

        return search

    def _beside(
        self,
        ours: Callable[[Argument], str],
        raw: Callable[[Argument], str],
        argument: Argument,
        calls: int,
        rounds: int = 0,
    ) -> Both:
        def call_ours() -> None:
            with self.atlas.session("bench"):
                for _ in range(calls):
                    ours(argument)
            self.calls.ours += calls

        def call_raw() -> None:
            with self.raw.tracer.start_as_current_span("invoke_agent bench"):
                for _ in range(calls):
                    raw(argument)
            self.calls.raw += calls + 1

        return self._alternate(call_ours, call_raw, rounds)

    def _async_beside(self, calls: int) -> Both:
        @self.atlas.tool
        async def search(argument: Argument) -> str:
            return RESULT

        raw = self.raw.async_call()

        async def call(function: Callable[[Argument], Awaitable[str]]) -> None:
            for _ in range(calls):
                await function(ARGUMENT)

        async def in_session() -> None:
            with self.atlas.session("bench"):
                await call(search)

        async def in_span() -> None:
            with self.raw.tracer.start_as_current_span("invoke_agent bench"):
                await call(raw)

        # One loop for all rounds, as an agent has it: to close one takes several turns of it, each of which waits for
        # the interpreter where the drain has it.
        loop = asyncio.new_event_loop()

        def call_ours() -> None:
            loop.run_until_complete(in_session())
            self.calls.ours += calls

        def call_raw() -> None:
            loop.run_until_complete(in_span())
            self.calls.raw += calls + 1

        try:
            return self._alternate(call_ours, call_raw)
        finally:
            loop.close()

    def _alternate(self, ours: Callable[[], None], raw: Callable[[], None], rounds: int = 0) -> Both:
        # Short bursts, and many: a burst that another process cuts into is then one of many.
        rounds = rounds or 3 * self.options.rounds
        sides = {"ours": ours, "raw": raw}
        taken, used = alternate_both(sides, rounds, between=self._settle, warm=2)
        return ratio(taken["ours"], taken["raw"]), ratio(used["ours"], used["raw"])

    def _settle(self) -> None:
        """Nothing waits to be stored when a side begins."""
        self.raw.provider.force_flush()
        if not self.telemetry.flush(60):
            raise RuntimeError("what was recorded could not be stored within 60 s")

    def _checked(self) -> str:
        """That every call is a row, with argument and result; or raises."""
        self._settle()
        accounts = self.telemetry.accounts
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE end_ns IS NOT NULL"
                " AND attributes->>'gen_ai.tool.call.result' = %s"
                " AND length(attributes->>'gen_ai.tool.call.arguments') > 80)"
                " FROM atlas_otel.spans WHERE kind = 'tool'",
                [orjson.dumps(RESULT).decode()],
            ).fetchone()
        if row != (self.calls.ours, self.calls.ours) or not accounts.balances or accounts.dropped or accounts.absorbed:
            raise RuntimeError(f"{self.calls.ours} calls, but stored and whole are {row}; {accounts}")
        exported = self.raw.exported()
        dropped = self.calls.raw - exported
        beside = f"{exported:,} raw spans exported" + (f", {dropped:,} dropped by its full queue" if dropped else "")
        return f"{self.calls.ours:,} calls, as many rows with argument and result; accounts balance; {beside}"
