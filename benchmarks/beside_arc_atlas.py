"""Our step manager, the Atlas SDK's, and a raw span, in one process: run in the environment of ``peers/arc_atlas.txt``.

``python -m benchmarks.beside_arc_atlas memory|spool --rounds N`` prints what came out as the last line: JSON. Ours is
stored in the database of ``ATLAS_OTEL_DATABASE_URL``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import atlas_otel
from atlas_otel import IntermediateStepManager, IntermediateStepPayload, IntermediateStepType
from atlas_otel.models.intermediate_step import StreamEventData
from benchmarks.measuring import alternate_both, ratio
from benchmarks.peers import arc_atlas
from benchmarks.task import ARGUMENT, RESULT, Raw

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLS = 100
_WARM = 2


def main() -> None:
    """Measure, and count what is stored."""
    parser = argparse.ArgumentParser()
    parser.add_argument("durability", choices=("memory", "spool"))
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    telemetry = atlas_otel.configure("bench", durability=asked.durability, console=False)
    theirs = arc_atlas.prepare("")
    raw = Raw()
    raw_call = raw.sync_call()
    manager = IntermediateStepManager()

    def two_payloads(take: Callable[[IntermediateStepPayload], object]) -> None:
        start = IntermediateStepPayload(
            event_type=IntermediateStepType.TOOL_START, name="search", data=StreamEventData(input=ARGUMENT)
        )
        take(start)
        end = IntermediateStepPayload(
            event_type=IntermediateStepType.TOOL_END,
            UUID=start.UUID,
            name="search",
            data=StreamEventData(input=ARGUMENT, output=RESULT),
        )
        take(end)

    def ours() -> None:
        with atlas_otel.session("bench"):
            for _ in range(_CALLS):
                two_payloads(manager.push_intermediate_step)

    def payloads() -> None:
        for _ in range(_CALLS):
            two_payloads(id)

    def arc() -> None:
        for _ in range(_CALLS):
            theirs.call(ARGUMENT)

    def spans() -> None:
        with raw.tracer.start_as_current_span("invoke_agent"):
            for _ in range(_CALLS):
                raw_call(ARGUMENT)

    sides = {"ours": ours, "arc": arc, "raw": spans, "payloads": payloads}
    taken, used = alternate_both(sides, asked.rounds, between=lambda: telemetry.flush(60), warm=_WARM)
    telemetry.flush(60)
    accounts = telemetry.accounts
    said = {
        "beside_arc": asdict(ratio(taken["ours"], taken["arc"])),
        "beside_raw": asdict(ratio(taken["ours"], taken["raw"])),
        "arc_beside_raw": asdict(ratio(taken["arc"], taken["raw"])),
        "payloads_beside_arc": asdict(ratio(taken["payloads"], taken["arc"])),
        "cpu_beside_arc": asdict(ratio(used["ours"], used["arc"])),
        "expected": (asked.rounds + _WARM) * _CALLS,
        "steps": accounts.spans.stored - asked.rounds - _WARM,  # less the sessions
        "events": accounts.events.stored,
        "arc_steps": theirs.recorded(),
        "balances": accounts.balances and not accounts.dropped and not accounts.absorbed,
    }
    print(json.dumps(said), flush=True)
    telemetry.shutdown(10)


if __name__ == "__main__":
    main()
