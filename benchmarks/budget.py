"""``make budget``: how many instructions the hot path may take, and the drain and the projection of each span, in those
of a raw OpenTelemetry span of the same run.

Callgrind counts instructions, which a noisy machine does not change, and the ratio carries over between machines. What
``budget.json`` holds was measured; a path may take :data:`MARGIN` more, since builds of Python differ. Without valgrind
nothing is counted, and nothing fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARGIN: Final = 0.15
"""How much more than measured a path may take."""
ROOT: Final = Path(__file__).resolve().parents[1]
STORED: Final = Path(__file__).with_name("budget.json")
TALK: Final = ", 20 KB"
"""In the name of each path whose argument is that large."""
RAW: Final = "raw span"
RAW_TALK: Final = f"raw span{TALK} as JSON"
FEW: Final = 20
MANY: Final = 60
"""How often ``hot_path`` takes each path: first so many times, then so many."""
_LIMIT_S: Final = 600
_TOTAL: Final = re.compile(r"^totals: (\d+)$", re.MULTILINE)
# Else a copied block counts one instruction for each of its bytes, which take next to no time.
_TUNABLES: Final = "glibc.cpu.x86_rep_movsb_threshold=1073741824:glibc.cpu.x86_rep_stosb_threshold=1073741824"
_ADVICE: Final = """
A path became slower. `git log` since budget.json was written says what changed; callgrind says where it goes:
    valgrind --tool=callgrind {python} -m benchmarks.hot_path && callgrind_annotate callgrind.out.*
Where the cost is wanted, `python -m benchmarks.budget --update` writes the new figures: say why in the commit."""


def counted(sums: Sequence[int], names: Sequence[str]) -> dict[str, float]:
    """Instructions of one call of each path, from callgrind's sums between marks: what came before the first one, then
    for each path :data:`FEW` calls and :data:`MANY`, each followed by what lies between. Raises ValueError where there
    are more or fewer of them."""
    within = sums[1::2]
    return {name: (many - few) / (MANY - FEW) for name, few, many in zip(names, within[::2], within[1::2], strict=True)}


def ratios(instructions: Mapping[str, float]) -> dict[str, float]:
    """Each path's instructions over those of the raw span that has the same argument."""
    raw, raw_talk = instructions[RAW], instructions[RAW_TALK]
    return {
        name: taken / (raw_talk if TALK in name else raw)
        for name, taken in instructions.items()
        if name not in (RAW, RAW_TALK)
    }


def over(found: Mapping[str, float], stored: Mapping[str, float]) -> list[str]:
    """The paths that take more than they may, or have no budget."""
    return [name for name, ratio in found.items() if ratio > stored.get(name, 0.0) * (1 + MARGIN)]


def count(valgrind: str) -> dict[str, float]:
    """Run the hot path under callgrind. Raises RuntimeError where that fails, with what it said."""
    with tempfile.TemporaryDirectory(prefix="atlas-otel-callgrind-") as folder:
        command = [
            *(valgrind, "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder}/count"),
            *(sys.executable, "-m", "benchmarks.hot_path"),
        ]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "GLIBC_TUNABLES": _TUNABLES}
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
        if ran.returncode != 0:
            raise RuntimeError(f"callgrind ended with {ran.returncode}:\n{ran.stderr[-3000:]}")
        files = sorted(Path(folder).glob("count.*"), key=lambda file: int(file.suffix[1:]))
        sums = [int(found[1]) for file in files if (found := _TOTAL.search(file.read_text("utf-8", "replace")))]
        return counted(sums, json.loads(ran.stdout))


def main(arguments: list[str] | None = None) -> int:
    """Count, print a table, compare. 1 where a path is over its budget."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.budget", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write what is counted as the new budget")
    asked = parser.parse_args(arguments)
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("budget: valgrind is not installed, so instructions are not counted")
        return 0
    instructions = count(valgrind)
    found = ratios(instructions)
    stored: dict[str, float] = json.loads(STORED.read_text()) if STORED.exists() else {}
    if asked.update:
        stored = {name: round(ratio, 3) for name, ratio in found.items()}
        STORED.write_text(json.dumps(stored, indent=2) + "\n")
    print(f"{'path':54}{'instructions':>14}{'× raw span':>12}{'budget':>9}{'may be':>9}")
    for name, taken in instructions.items():
        budget = stored.get(name)
        columns = "" if name not in found else f"{found[name]:12.2f}"
        limits = "" if budget is None else f"{budget:9.2f}{budget * (1 + MARGIN):9.2f}"
        print(f"{name:54}{taken:14,.0f}{columns}{limits}")
    if slow := over(found, stored):
        print(f"\nOver the budget: {'; '.join(slow)}{_ADVICE.format(python=sys.executable)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
