"""Cases: which there are, and one of them run, in this process or in one of its own."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import traceback
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks import cases
from benchmarks.commit import ROOT, commit
from benchmarks.finding import Finding, Growth
from benchmarks.saving import Result, load, save

if TYPE_CHECKING:
    from benchmarks.options import Options

RESULTS: Final = ROOT / "build" / "benchmarks"
_LIMIT_S: Final = 900.0


def names() -> list[str]:
    """All cases, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(cases.__path__) if not module.name.startswith("_"))


def run_here(case: str, options: Options) -> Result:
    """Measure a case in this process, and save what it finds, also amid it. What it raises becomes an ``error``."""
    found: list[Finding | Growth] = []
    about, error = "", ""
    busy, measured = round(os.getloadavg()[0], 1), commit()
    start = perf_counter()

    def keep(why: str) -> Result:
        seconds = perf_counter() - start
        result = Result(case, about, found, seconds, options.rounds, options.quick, why, busy, measured)
        save(result, RESULTS)
        return result

    try:
        module = importlib.import_module(f"benchmarks.cases.{case}")
        about = inspect.cleandoc(module.__doc__ or "")
        for one in module.measure(options):
            found.append(one)
            keep("it was ended before it was done")
            print(f"  {said(one)}", file=sys.stderr, flush=True)
    except Exception as failure:
        traceback.print_exc()
        error = " ".join(f"{type(failure).__name__}: {failure}".split())
    return keep(error)


def run_apart(case: str, options: Options) -> Result:
    """Measure a case in a fresh process, so that no case finds what another one left in memory."""
    (RESULTS / f"{case}.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks", case, "--here", "--rounds", str(options.rounds)]
    start = perf_counter()
    try:
        code = subprocess.run(
            [*command, *(["--quick"] if options.quick else [])], cwd=ROOT, timeout=_LIMIT_S
        ).returncode
        ended = f"its process ended with {code}"
    except subprocess.TimeoutExpired:
        ended = f"it took longer than {_LIMIT_S:.0f} s"
    result = load(case, RESULTS)
    if result is None:
        result = Result(case, "", [], perf_counter() - start, options.rounds, options.quick, ended)
        save(result, RESULTS)
    return result


def said(one: Finding | Growth) -> str:
    """A finding in one line, for who watches."""
    if isinstance(one, Growth):
        return f"{one.name}: " + ", ".join(f"{name} {len(points)} points" for name, points in one.series.items())
    figure = "-" if one.figure is None else f"{one.figure:.3g}{one.unit if one.unit == '×' else ' ' + one.unit}"
    spread = f" ({one.ratio.low:.3g}–{one.ratio.high:.3g})" if one.ratio else ""
    bound = "" if one.goal is None else f"; goal {'≤' if one.better == 'lower' else '≥'} {one.goal:g}"
    verdict = {True: " met", False: " NOT MET", None: ""}[one.met]
    return f"{one.path} | {one.beside} | {figure}{spread}{bound}{verdict} {one.note}".rstrip()
