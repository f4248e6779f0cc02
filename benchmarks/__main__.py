"""``python -m benchmarks [CASE…]``: measure all cases or those named, each in a process of its own.

What they find is kept under ``build/benchmarks/``. With ``--report``, ``docs/performance.md`` and its plots are written
from all that is kept there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

from benchmarks.commit import ROOT
from benchmarks.options import Options
from benchmarks.running import RESULTS, names, run_apart, run_here
from benchmarks.saving import load


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for. 1 where a case failed; a goal that is missed is no failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of: {', '.join(names())}")
    parser.add_argument("--rounds", type=int, default=None, help="rounds that alternate (15; 5 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: a look, not a figure")
    parser.add_argument("--report", action="store_true", help="write docs/performance.md from all that is kept")
    parser.add_argument("--only-report", action="store_true", help="the same, and measure nothing")
    parser.add_argument("--here", action="store_true", help="in this process: for profilers and debuggers")
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.cases) - set(names()))
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    options = Options(rounds=asked.rounds or (5 if asked.quick else 15), quick=asked.quick)
    failed = []
    for case in [] if asked.only_report else asked.cases or names():
        start = perf_counter()
        if asked.here:
            result = run_here(case, options)
        else:
            print(f"{case} …", file=sys.stderr, flush=True)
            result = run_apart(case, options)
            print(f"{case}: {perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        if result.error:
            failed.append(case)
    if asked.report or asked.only_report:
        report()
    if failed and not asked.here:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def report() -> None:
    """Write ``docs/performance.md`` and ``docs/performance/*.svg`` from the results that are kept."""
    from benchmarks.machine import machine, versions
    from benchmarks.report import Setting, write

    results = [result for result in (load(case, RESULTS) for case in names()) if result is not None]
    page, plots = write(results, Setting(machine(), versions()))
    docs = ROOT / "docs"
    folder = docs / "performance"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, drawing in plots.items():
        Path(folder, name).write_text(drawing, "utf-8")
    Path(docs, "performance.md").write_text(page, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
