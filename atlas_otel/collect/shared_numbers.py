"""The numbers of several workers at one port, in a folder that they share: whichever is asked answers for all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from atlas_otel.collect.metrics import STORE_FAILURES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OVER: Final = ".over"
_NEW: Final = ".new"


class SharedNumbers:
    """A worker's view of ``folder``. Texts are Prometheus'."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / str(os.getpid())

    def keep(self, text: str) -> None:
        """Put this worker's numbers where the others find them."""
        beside = self._own.with_suffix(_NEW)
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._own)

    def all(self, own: str) -> str:
        """The numbers of all workers, those that have ended too. ``own``: this worker's as they are now."""
        while True:
            files = [one for one in sorted(self._folder.iterdir()) if one != self._own and one.suffix != _NEW]
            try:
                texts = [(one.suffix, one.read_text(encoding="utf-8")) for one in files]
            except FileNotFoundError:  # that worker ended at this moment: its numbers have another name now
                continue
            ended = [text for suffix, text in texts if suffix == _OVER]
            return summed([own, *(text for suffix, text in texts if suffix != _OVER)], ended)


def mark_over(folder: Path, pid: int) -> None:
    """A worker has ended: what it counted stays, what waited with it is others'."""
    left = folder / str(pid)
    if left.exists():
        left.rename(left.with_suffix(_OVER))


def summed(running: Sequence[str], ended: Sequence[str]) -> str:
    """Prometheus texts of the same metrics as one. Of those that have ended, what is no counter is left out. Pure."""
    metrics: dict[str, dict[str, int]] = {}
    for place, text in enumerate([*running, *ended]):
        about, samples, counts = "", {}, True
        for line in text.splitlines():
            if line.startswith("# HELP"):
                about = line
            elif line.startswith("# TYPE"):
                samples = metrics.setdefault(f"{about}\n{line}", {})
                counts = line.endswith(" counter") or place < len(running)
            elif counts:
                name, _, value = line.rpartition(" ")
                both = samples.get(name, 0), int(value)
                samples[name] = max(both) if name == STORE_FAILURES else sum(both)
    return "".join(
        f"{header}\n" + "".join(f"{name} {value}\n" for name, value in samples.items())
        for header, samples in metrics.items()
    )
