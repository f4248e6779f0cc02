"""An agent that works until it is told to stop, and notes what was promised to it.

    agent.py LEDGER REPORT STOP BACKLOG PACE

LEDGER: a line for each call, event and session that has returned, in one system call each. REPORT: its accounts, as
JSON, written when it ends in order. STOP: a file; the agent ends when it is there. BACKLOG: the agent rests while more
than so many spans wait for the database, so that the spool's bound is not what is tested. PACE: seconds from the start
of a thread's session to its next one's, 0 for full speed; what was late is made up for at full speed.

What may have been dropped (a full disk) is not noted. ``ATLAS_TEST_CLOCK`` names a file: the system's clock is off by
the seconds in it. LEDGER.rss has the memory at the start, in KiB.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path

from opentelemetry import trace

if clock := os.environ.get("ATLAS_TEST_CLOCK"):
    right_ns = time.time_ns

    def wrong_ns() -> int:
        return right_ns() + round(float(Path(clock).read_text() or 0) * 1e9)

    time.time_ns, time.time = wrong_ns, lambda: wrong_ns() / 1e9

import atlas_otel as atlas

Path(sys.argv[1] + ".rss").write_text(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])
ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
report, stop = Path(sys.argv[2]), Path(sys.argv[3])
backlog, pace = int(sys.argv[4]), float(sys.argv[5])
me = Path(sys.argv[1]).name  # not the pid: an hour of processes may see it twice
telemetry = atlas.configure("soak", console=False)
foreign = trace.get_tracer("some.library")


def note(line: str) -> None:
    os.write(ledger, line.encode() + b"\n")


def note_unless_dropped(line: str, before: int) -> None:
    if dropped() == before:
        note(line)


def dropped() -> int:
    return sum(telemetry.accounts.dropped.values())


atexit.register(note, "exiting")  # before configure's own, which was registered first


@atlas.tool
def work(call: str) -> str:
    if call.endswith("7"):
        raise ValueError(call)
    return f"réponse 漢 of {call} " + "x" * (hash(call) % 500)


@atlas.tool
async def wait_for(call: str) -> str:
    await asyncio.sleep(0)
    return call


def attempt(call: str) -> None:
    before = dropped()
    with contextlib.suppress(ValueError):
        work(call)
    note_unless_dropped(f"tool {call}", before)


@atlas.step
def turn(name: str, number: int) -> None:
    for inner in range(4):
        attempt(f"{name}:{number}:{inner}")
    with foreign.start_as_current_span("SELECT", attributes={"db.system": "sqlite"}):
        pass
    before = dropped()
    atlas.emit_event("tick", f"{name}:{number}")
    note_unless_dropped(f"event {name}:{number}", before)
    atlas.record_reward(0.5)


@atlas.step
async def gather(name: str, number: int) -> None:
    before = dropped()
    await asyncio.gather(*(wait_for(f"{name}:{number}:a{inner}") for inner in range(4)))
    for inner in range(4):
        note_unless_dropped(f"tool {name}:{number}:a{inner}", before)


def run(thread: int) -> None:
    number = 0
    began = time.monotonic()
    while not stop.exists():
        name = f"{me}-{thread}-{number}-é漢🎈"
        number += 1
        before = dropped()
        with atlas.session(f"run {name}") as session:
            note_unless_dropped(f"session {name}", before)
            for step in range(6):
                turn(name, step)
            asyncio.run(gather(name, 6))
            session.final_answer = name
        note_unless_dropped(f"ended {name}", before)
        while telemetry.accounts.spans.spooled > backlog and not stop.exists():
            time.sleep(0.05)
        while time.monotonic() < began + number * pace and not stop.exists():
            time.sleep(0.05)


threads = [threading.Thread(target=run, args=(thread,), daemon=True) for thread in range(1, 3)]
for thread in threads:
    thread.start()
run(0)
for thread in threads:
    thread.join()
flushed = telemetry.flush(float(os.environ.get("ATLAS_TEST_FLUSH_S", "30")))
began = time.monotonic()
telemetry.shutdown()
took = time.monotonic() - began
accounts = telemetry.accounts
report.write_text(
    json.dumps(
        {
            "flushed": flushed,
            "shutdown_s": took,
            "balances": accounts.balances,
            "started": accounts.spans.started,
            "stored": accounts.spans.stored,
            "spooled": accounts.spans.spooled,
            "open": accounts.spans.open,
            "lost": accounts.spans.lost,
            "events": accounts.events.started,
            "dropped": dict(accounts.dropped),
        }
    )
)
