"""The same task under each peer's own decorator, and under ours, each beside a raw OpenTelemetry span.

The task takes a dict and returns 1 KB of text, and both are captured. Each peer runs in an environment of its own,
where its decorator and the raw span take turns; so what compares is the ratio to the raw span, not a time. All hand
their spans to an exporter that drops them; the two step managers hand theirs to a subscriber that counts. Ours is also
shown as it is used, with every call stored in Postgres.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.commit import ROOT
from benchmarks.environments import NotInstalled, peer_python
from benchmarks.finding import Finding, Ratio
from benchmarks.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.options import Options

_LIMIT_S: Final = 300.0
_RAW: Final = "raw span, six attributes, batch processor"


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    shown: str
    variant: str = ""


_OURS: Final = (
    _Entry("ours", "**atlas-otel** `@atlas.tool`, no database", "exporter"),
    _Entry("ours", "**atlas-otel** `@atlas.tool`, stored, `memory`", "memory"),
    _Entry("ours", "**atlas-otel** `@atlas.tool`, stored, `spool`", "spool"),
)
_PEERS: Final = (
    _Entry("nemo", "NeMo Agent Toolkit, START + END"),
    _Entry("arc_atlas", "arc-atlas, START + END"),
    _Entry("traceloop", "traceloop-sdk `@tool`"),
    _Entry("openinference", "openinference `@tracer.tool`"),
    _Entry("logfire", "logfire `@instrument`, arguments and return"),
    _Entry("langfuse", "langfuse `@observe`"),
    _Entry("agentlightning", "agentlightning `@operation`"),
    _Entry("agentlightning", "agentlightning `@operation`, into its store", "store"),
    _Entry("mlflow", "mlflow `@trace`"),
)


class _Failed(Exception):
    """A peer whose measurement did not come to an end."""


def measure(options: Options) -> Iterable[Finding]:
    """One row for each; a peer that cannot be installed or run has its reason as a note."""
    with server() as postgres, tempfile.TemporaryDirectory(prefix="atlas-otel-bench-") as spool:
        for entry in _OURS:
            stored = entry.variant in ("memory", "spool")
            extra = {"ATLAS_OTEL_DATABASE_URL": postgres.database()} if stored else {}
            yield _finding(entry, options, {"ATLAS_OTEL_SPOOL_DIR": spool, **extra})
    for entry in _PEERS:
        yield _finding(entry, options, {})


def _finding(entry: _Entry, options: Options, extra: Mapping[str, str]) -> Finding:
    try:
        return _measured(entry, options, extra)
    except (NotInstalled, _Failed) as reason:
        kind = "not installed" if isinstance(reason, NotInstalled) else "failed"
        return Finding(entry.shown, _RAW, note=f"{kind}: {reason}")


def _measured(entry: _Entry, options: Options, extra: Mapping[str, str]) -> Finding:
    python = sys.executable if entry.name == "ours" else peer_python(entry.name)
    command = [python, "-m", "benchmarks.peering", entry.name, *([entry.variant] if entry.variant else [])]
    # Short bursts, and many: a burst that another process cuts into is then one of many.
    command += ["--rounds", str(options.rounds * 3), "--calls", "100"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**environment, **extra}, capture_output=True, text=True, timeout=_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise _Failed(f"it took longer than {_LIMIT_S:.0f} s") from None
    lines = [line for line in (done.stderr if done.returncode else done.stdout).splitlines() if line.strip()]
    if done.returncode:
        raise _Failed(lines[-1] if lines else f"its process ended with {done.returncode}")
    said = json.loads(lines[-1])
    wrong = [] if said["whole"] else ["argument or result are missing"]
    if said["recorded"] != said["expected"]:
        wrong.append(f"{said['recorded']:,} of {said['expected']:,} recorded")
    shown = entry.shown if entry.name == "ours" else f"{entry.shown} ({said['version']})"
    found = Ratio(**said["ratio"])
    if wrong:
        return Finding(shown, _RAW, ratio=found, note=f"not comparable: {', '.join(wrong)}")
    note = f"of the calling thread's CPU time {Ratio(**said['cpu']).brief}"
    return Finding(
        shown, _RAW, ratio=found, checked="all that was recorded arrived, with argument and result", note=note
    )
