"""A case's findings in a file, and back: ``build/benchmarks/<case>.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.finding import Finding, Growth, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """What one case found, and how it was run. ``error`` says why it ended early: what it found by then counts."""

    case: str
    about: str
    """The case's docstring."""
    found: Sequence[Finding | Growth]
    seconds: float
    rounds: int
    quick: bool = False
    error: str = ""
    load: float = 0.0
    """The machine's load average over a minute when the case began: what else it was doing."""
    commit: str = ""
    """What was measured."""


def save(result: Result, folder: Path) -> None:
    """Write ``<case>.json`` into the folder, which is made where it lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "case": result.case,
        "about": result.about,
        "found": [to_json(one) for one in result.found],
        "seconds": round(result.seconds, 1),
        "rounds": result.rounds,
        "quick": result.quick,
        "error": result.error,
        "load": result.load,
        "commit": result.commit,
    }
    (folder / f"{result.case}.json").write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load(case: str, folder: Path) -> Result | None:
    """What :func:`save` wrote for this case; None where nothing was."""
    path = folder / f"{case}.json"
    if not path.exists():
        return None
    body = json.loads(path.read_text("utf-8"))
    return Result(**{**body, "found": [from_json(one) for one in body["found"]]})
