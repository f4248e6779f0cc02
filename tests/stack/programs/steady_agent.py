"""A decorated agent that works when it is told to: a word on standard input, an answer in JSON on standard output.

``work``: 1,200 tool calls in 60 sessions; the longest of them in seconds. ``flush``: whether all was stored and sent,
and the accounts. The end of its input ends it.
"""

from __future__ import annotations

import json
import sys
import time

import atlas_otel as atlas

SESSIONS, CALLS = 60, 20
telemetry = atlas.configure("steady-agent")


@atlas.tool
def look(number: int) -> str:
    return "r" * 1000


def work() -> dict[str, object]:
    longest, trace = 0.0, ""
    for number in range(SESSIONS):
        with atlas.session(f"task {number}", name="steady", new=True) as session:
            trace = session.trace_id
            for call in range(CALLS):
                began = time.perf_counter()
                look(call)
                longest = max(longest, time.perf_counter() - began)
    return {"longest_s": longest, "trace": trace}


def flush() -> dict[str, object]:
    done = telemetry.flush(60)
    accounts = telemetry.accounts
    return {
        "done": done,
        "started": accounts.spans.started,
        "stored": accounts.spans.stored,
        "dropped": dict(accounts.dropped),
        "balances": accounts.balances,
        "handed": accounts.handed,
        "sent": accounts.sent,
    }


for line in sys.stdin:
    print(json.dumps({"work": work, "flush": flush}[line.strip()]()), flush=True)
