"""The hot path, and what is behind it, under callgrind: ``python -m benchmarks.hot_path``, started by
:mod:`benchmarks.budget`.

Each path runs a few times, then many times, and before and after each of both ``os.getppid`` is called: there callgrind
begins a new count. What a call takes is the difference of the two counts, so that what a path needs once is not in it.
No thread runs beside: the drain is not woken, and the raw span's batch processor has nothing to send.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import atlas_otel as atlas
from atlas_otel.capture.capture import Capture
from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.journal import MemoryJournal
from atlas_otel.delivery.journal_recorder import JournalRecorder, RunningSpans
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.models.intermediate_step import IntermediateStepPayload, IntermediateStepType, StreamEventData
from atlas_otel.records.recorder import NullRecorder
from atlas_otel.records.utf8 import NEVER, least
from atlas_otel.sdk.otlp_sender import OtlpSender
from atlas_otel.sdk.own_provider import make_provider
from atlas_otel.sdk.redacting_processor import RedactingProcessor
from atlas_otel.steps.manager import IntermediateStepManager
from atlas_otel.tracing import state
from benchmarks import background
from benchmarks.budget import FEW, MANY, RAW, RAW_TALK, TALK
from benchmarks.task import ARGUMENT, RESULT, Counting, Raw, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.delivery.journal import Journal
    from atlas_otel.records.recorder import Recorder
    from benchmarks.task import Argument

    Repeat = Callable[[int], None]
    """A path, taken so many times."""


_TALK: Final = messages(20 * 1024)
_ROOM: Final = 1_000_000


class _Asleep:
    def wake(self) -> None:
        raise AssertionError("the drain is woken")


class _Into:
    """What is recorded goes to a journal, if any, and is taken from it between two paths. ``exports``: to a sender over
    OTLP too, which has room for all of it."""

    def __init__(self, journal: Journal | None, accounts: Accounts, *, exports: bool = False) -> None:
        self._journal = journal
        self._running = RunningSpans()
        own = make_provider("budget")
        capture = Capture(on_loss=state.absorbed)
        if exports:
            sender = OtlpSender(Counting())
            own.add_own(RedactingProcessor(sender, capture), take=sender.take)
        recorder: Recorder = NullRecorder()
        if journal is not None:
            journal.idle = False  # else the drain is woken
            recorder = JournalRecorder(journal, accounts, _Asleep(), self._running)
        self._parts = state.Instrumentation(
            tracer=own.get_tracer("budget"),
            recorder=recorder,
            capture=capture,
            own=own,
            utf8_over=NEVER if journal is None else least(durable=journal.durable),
            records=journal is not None,
            resource=dict(own.resource.attributes),
        )

    def __call__(self, path: Repeat) -> Repeat:
        """``path`` inside a session whose records go here."""

        def within(times: int) -> None:
            before = state.install(self._parts)
            try:
                with atlas.session("budget"):
                    path(times)
            finally:
                state.install(before)

        return within

    def empty(self) -> None:
        """Take out what is there."""
        if self._journal is None:
            return
        self._journal.prepare()
        while (batch := self._journal.take(1_000, 64 << 20)) is not None:
            self._journal.ack(batch)
        for _ in (1, 2):
            list(self._running.look())


def _calls(function: Callable[[Argument], object], argument: Argument) -> Repeat:
    def path(times: int) -> None:
        for _ in range(times):
            function(argument)

    return path


@atlas.tool
def _search(argument: Argument) -> str:
    return RESULT


@atlas.tool
async def _search_async(argument: Argument) -> str:
    return RESULT


def _awaited(times: int) -> None:
    async def calls() -> None:
        for _ in range(times):
            await _search_async(ARGUMENT)

    asyncio.run(calls())


def _pushed(times: int) -> None:
    manager = IntermediateStepManager()
    start, end = IntermediateStepType.TOOL_START, IntermediateStepType.TOOL_END
    for number in range(times):
        step = f"step-{number}"
        given, found = StreamEventData(input=ARGUMENT), StreamEventData(output=RESULT)
        manager.push_intermediate_step(IntermediateStepPayload(UUID=step, event_type=start, name="search", data=given))
        manager.push_intermediate_step(IntermediateStepPayload(UUID=step, event_type=end, name="search", data=found))


def paths(folder: Path) -> tuple[Mapping[str, Repeat], Callable[[], None]]:
    """All paths by name, and what empties the journals."""
    raw, provider = Raw(), TracerProvider()
    raw.tracer = provider.get_tracer("raw")
    provider.add_span_processor(
        BatchSpanProcessor(Counting(), max_queue_size=_ROOM, max_export_batch_size=_ROOM, schedule_delay_millis=_ROOM)
    )
    accounts = Accounts()
    memory = _Into(MemoryJournal(accounts), accounts)
    spool = _Into(SpoolJournal(accounts, target="budget", root=folder), accounts)

    sent = _Into(None, accounts, exports=True)
    both = _Into(SpoolJournal(accounts, target="both", root=folder), accounts, exports=True)

    def empty() -> None:
        for one in (memory, spool, both):
            one.empty()

    return {
        RAW: _calls(raw.sync_call(), ARGUMENT),
        RAW_TALK: _calls(raw.sync_call(lambda value: orjson.dumps(value).decode()), _TALK),
        "decorated call, memory": memory(_calls(_search, ARGUMENT)),
        "decorated call, spool": spool(_calls(_search, ARGUMENT)),
        "decorated async call, spool": spool(_awaited),
        "decorated call, OTLP only": sent(_calls(_search, ARGUMENT)),
        "decorated call, spool and OTLP": both(_calls(_search, ARGUMENT)),
        f"decorated call{TALK}, memory": memory(_calls(_search, _TALK)),
        f"decorated call{TALK}, spool": spool(_calls(_search, _TALK)),
        "pushed START and END, spool": spool(_pushed),
        "background: a span from the spool to its row": background.drained(),
        "background: a span of a session to its contract rows": background.projected(),
    }, empty


def main() -> int:
    """Take every path, and say which counts are whose."""
    room = {"MAX_QUEUE_SIZE": _ROOM, "MAX_EXPORT_BATCH_SIZE": _ROOM, "SCHEDULE_DELAY": _ROOM}
    os.environ.update({f"OTEL_BSP_{name}": str(value) for name, value in room.items()})
    with tempfile.TemporaryDirectory(prefix="atlas-otel-budget-") as folder:
        taken, empty = paths(Path(folder))
        for repeat in taken.values():  # warm: Python adapts its bytecode, files are made
            repeat(FEW)
            empty()
        gc.freeze()
        for repeat in taken.values():
            for times in (FEW, MANY):
                gc.collect()
                os.getppid()
                repeat(times)
                os.getppid()
                empty()
        beside = [thread.name for thread in threading.enumerate() if thread.name != "OtelBatchSpanRecordProcessor"]
        lost = state.absorbed_counts()
    if beside != ["MainThread"] or lost:
        print(f"not a fair count: threads {beside}, absorbed {lost}", file=sys.stderr)
        return 1
    print(json.dumps(list(taken)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
