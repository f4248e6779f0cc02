"""Calls of processors and exporters that may take longer than their caller can wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Callable


def bounded(call: Callable[[], Any], timeout_s: float) -> bool:
    """Whether ``call`` ended well within ``timeout_s``: an exporter whose collector is gone waits longer than an exit
    may take."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception:  # a guest's processor
            absorbed("takedown")

    thread = threading.Thread(target=run, name="atlas-otel-takedown", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is going down and starts no threads
        return False
    thread.join(max(timeout_s, 0.05))
    return bool(outcome) and outcome[0] is not False
