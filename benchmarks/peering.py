"""The task under a peer's own decorator, beside a raw span: run in the peer's environment.

``python -m benchmarks.peering NAME [VARIANT] --rounds N --calls N`` prints what came out as the last line: JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import alternate_both, ratio
from benchmarks.task import ARGUMENT, Raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from benchmarks.task import Argument


def _nothing() -> None:
    return None


@dataclass(slots=True)
class Peer:
    """What a peer's file gives: its way to record the task, and how to look at what it recorded."""

    package: str
    """Its name as it is installed."""
    call: Callable[[Argument], object]
    """The task, once."""
    recorded: Callable[[], int]
    """How many spans or steps have arrived at the end of the peer's pipeline; called when nothing is measured."""
    whole: Callable[[], bool]
    """Whether what arrived holds argument and result."""
    per_call: int = 1
    """How many one call makes."""
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    """What stands around a round: a parent span, a session."""
    per_round: int = 0
    """How many that makes."""
    settle: Callable[[], object] = _nothing
    """Called before each side, off the clock: sends or stores what waits."""


def measure(peer: Peer, rounds: int, calls: int) -> dict[str, Any]:
    """The peer over the raw span, in alternating rounds of so many calls each."""
    raw = Raw()
    raw_call = raw.sync_call()
    done = 0

    def under_peer() -> None:
        nonlocal done
        call = peer.call
        with peer.around():
            for _ in range(calls):
                call(ARGUMENT)
        done += 1

    def under_raw() -> None:
        with raw.tracer.start_as_current_span("invoke_agent"):
            for _ in range(calls):
                raw_call(ARGUMENT)

    def settle() -> None:
        peer.settle()
        raw.provider.force_flush()

    taken, used = alternate_both({"peer": under_peer, "raw": under_raw}, rounds, between=settle, warm=2)
    settle()
    expected = done * (calls * peer.per_call + peer.per_round)
    return {
        "package": peer.package,
        "version": version(peer.package),
        "sdk": version("opentelemetry-sdk"),
        "ratio": asdict(ratio(taken["peer"], taken["raw"])),
        "cpu": asdict(ratio(used["peer"], used["raw"])),
        "expected": expected,
        "recorded": peer.recorded(),
        "whole": peer.whole(),
    }


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("variant", nargs="?", default="")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=300)
    asked = parser.parse_args()
    peer: Peer = importlib.import_module(f"benchmarks.peers.{asked.name}").prepare(asked.variant)
    print(json.dumps(measure(peer, asked.rounds, asked.calls)), flush=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
