"""``IntermediateStepManager``: START and END of a tool, beside the Atlas SDK's manager and a raw span.

All three run in one process, in the Atlas SDK's environment. Each side makes the payloads itself (a dict argument, 1 KB
of text as result) and pushes them. Ours makes a span and two events of them and stores these in Postgres; the Atlas
SDK's hands two objects to one subscriber, which counts them, and stores nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

from benchmarks.commit import ROOT
from benchmarks.environments import NotInstalled, peer_python
from benchmarks.finding import Finding, Ratio
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.options import Options

_LIMIT_S = 300.0
_ARC = "arc-atlas' manager, the same process"
_RAW = "raw span, six attributes, batch processor"


def measure(options: Options) -> Iterable[Finding]:
    """Both durabilities; the goal is set for ``spool``."""
    try:
        python = peer_python("arc_atlas")
    except NotInstalled as reason:
        yield Finding("START + END, `spool`", _ARC, 0.6, note=f"arc-atlas cannot be installed: {reason}")
        return
    with server() as postgres, tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool:
        for durability, goal in (("spool", 0.6), ("memory", None)):
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "exporters"))),
                "ATLAS_OTEL_DATABASE_URL": postgres.database(),
                "ATLAS_OTEL_SPOOL_DIR": spool,
            }
            command = [python, "-m", "benchmarks.beside_arc_atlas", durability, "--rounds", str(options.rounds * 3)]
            try:
                done = subprocess.run(
                    command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=True
                )
            except subprocess.CalledProcessError as failure:
                said = failure.stderr.strip().splitlines() or [f"it ended with {failure.returncode}"]
                raise RuntimeError(said[-1]) from None
            yield from _findings(durability, goal, done.stdout.strip().splitlines()[-1])


def _findings(durability: str, goal: float | None, line: str) -> Iterable[Finding]:
    said = json.loads(line)
    expected = said["expected"]
    if (said["steps"], said["events"], said["arc_steps"], said["balances"]) != (
        expected,
        2 * expected,
        2 * expected,
        True,
    ):
        raise RuntimeError(f"not everything arrived: {line}")
    checked = f"{expected:,} steps in each run, as many spans and twice as many events stored; the accounts balance"
    path = f"START + END, `{durability}`"
    note = f"of the calling thread's CPU time {Ratio(**said['cpu_beside_arc']).brief}"
    yield Finding(path, _ARC, goal, Ratio(**said["beside_arc"]), checked=checked, note=note)
    floor = "making the two payloads alone, nothing pushed"
    yield Finding(floor, _ARC, None, Ratio(**said["payloads_beside_arc"]), checked=checked)
    yield Finding(path, _RAW, None, Ratio(**said["beside_raw"]), checked=checked)
    yield Finding("arc-atlas, START + END", _RAW, None, Ratio(**said["arc_beside_raw"]), checked=checked)
