"""What ``atlas-otel exec`` could not do, on stderr, once, when the program ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.autostart.instrumenting import Instrumenting
    from atlas_otel.pipeline import Telemetry

_MOST = 8


def report_at_exit(telemetry: Telemetry, instrumenting: Instrumenting) -> None:
    """Say it when this process ends; a fork of it says nothing."""
    pid = os.getpid()

    def report() -> None:
        if os.getpid() != pid or sys.stderr is None:
            return
        with contextlib.suppress(OSError, ValueError):  # closed, or whoever read it is gone
            for line in findings(telemetry, instrumenting):
                sys.stderr.write(f"atlas-otel exec: {line}\n")

    atexit.register(report)


def findings(telemetry: Telemetry, instrumenting: Instrumenting) -> Iterator[str]:
    """One line for each thing that could not be done, with what to do; none where all was."""
    for refused in telemetry.awaited.refused if telemetry.awaited is not None else ():
        yield f"the tracer provider that the program set ({refused}) takes no processors: its spans are not recorded"
    for skipped in instrumenting.skipped[:_MOST]:
        yield f"an instrumentation was skipped: {_one_line(skipped)}"
    if len(instrumenting.skipped) > _MOST:
        yield f"{len(instrumenting.skipped) - _MOST} more instrumentations were skipped"
    unrecorded = sorted(telemetry.unrecorded().items(), key=lambda one: (-one[1], one[0]))
    if unrecorded:
        scopes = ", ".join(f"{number} of {scope or 'no scope'}" for scope, number in unrecorded[:_MOST])
        number = sum(number for _, number in unrecorded)
        yield (
            f"{number} spans came without a session, and without an agent or model in their trace, and are not "
            f"recorded: {scopes}; open a session around them (@atlas_otel.session)"
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
