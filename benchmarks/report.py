"""``docs/performance.md`` and its plots, from what the cases found. Pure: what is measured comes in, text goes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.finding import Finding, Growth
from benchmarks.plot import bars, draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.saving import Result

_ORDER: Final = (
    "decorated",
    "exported",
    "peers",
    "steps",
    "stall",
    "encoding",
    "store",
    "sessions",
    "projection",
    "export",
    "ingest",
    "imports",
    "growth",
)
_BUSY: Final = 1.5
"""The load average from which on others take a part of two cores."""
_INTRODUCTION: Final = """# Performance

Written by `make bench`; don't edit it. What is slow is in here as well as what is fast.

**How to read it.** Each figure is ours over what stands beside it, for the same work, on the same machine, in the
same run: `1.2×` of a time is a fifth more time, `1.2×` of a speed a fifth more speed. The two sides take turns, and
each round gives one ratio; the table has the median of them, and in brackets the 10th and 90th percentile. A shared
machine's speed drifts by more than most of these differences, so seconds are not given: they would not come out the
same anywhere else, and hardly here. Where the bracket is wide, believe the bracket. `≤` and `≥` are goals that were set
before anything was measured: `≤` where the figure is of a time or a size, so that less is better, `≥` where it is of a
speed. One that is missed says **missed**. What was checked for correctness stands below each table: a fast path that
loses a span is not fast. `memory` and `spool` are the two durabilities: what is not yet in Postgres is kept in the
process, or in a file that outlives it ([reliability.md](reliability.md)).

**What it does not say.** The task in here does nothing itself. An agent waits for a model for seconds; against that,
all of it is small. The peers do other things besides, and some do more: a ratio says what a call costs, not what it is
worth.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """On what the figures were taken."""

    machine: Sequence[tuple[str, str]]
    versions: Sequence[tuple[str, str]]


def write(results: Iterable[Result], setting: Setting) -> tuple[str, dict[str, str]]:
    """The page's text, and the plots' by file name."""
    ordered = sorted(results, key=lambda result: (_place(result.case), result.case))
    plots: dict[str, str] = {}
    parts = [_INTRODUCTION, _goals(ordered)]
    for result in ordered:
        parts.append(_section(result, plots))
    parts.append(_run(ordered, setting))
    return "\n".join(part.rstrip() + "\n" for part in parts), plots


def _place(case: str) -> int:
    return _ORDER.index(case) if case in _ORDER else len(_ORDER)


def _goals(results: Sequence[Result]) -> str:
    rows = [one for result in results for one in result.found if isinstance(one, Finding) and one.goal is not None]
    missed = sum(1 for one in rows if not one.met)
    lines = [f"## Goals\n\n{len(rows)} goals, {missed or 'none'} missed.\n"]
    load = max((result.load for result in results), default=0.0)
    if load > _BUSY:
        lines.append(
            f"**The machine was busy with other work (a load of up to {load:g}): a quiet one may say otherwise.**\n"
        )
    return "\n".join([*lines, *_table(rows)]) + "\n"


def _section(result: Result, plots: dict[str, str]) -> str:
    head, _, rest = result.about.partition("\n\n")
    parts = [f"## {result.case.capitalize()}", "", _prose(head)]
    if rest:
        parts += ["", _prose(rest)]
    parts += ["", f"Measured by [benchmarks/cases/{result.case}.py](../benchmarks/cases/{result.case}.py)."]
    if result.error:
        parts += ["", f"**This case ended early:** {clean(result.error)}"]
    findings = [one for one in result.found if isinstance(one, Finding)]
    if result.case == "peers" and findings:
        plots["peers.svg"] = bars("One call, × raw span (logarithmic)", findings)
        parts += ["", "![The peers, as bars](performance/peers.svg)"]
    if findings:
        parts += ["", *_table(findings), "", *_checked(findings)]
        parts += [f"- {one.path}: {clean(one.note)}" for one in findings if one.note]
    for one in result.found:
        if isinstance(one, Growth):
            name = _file_name(one.name)
            plots[name] = draw(one)
            parts += ["", f"### {one.name}", "", f"![{one.name}](performance/{name})"]
            parts += ["", f"In {one.y_label}, by {one.x_label}:", "", *_points(one)]
            if one.note:
                parts += ["", clean(one.note)]
    return "\n".join(parts) + "\n"


def _table(findings: Sequence[Finding]) -> list[str]:
    rows = [
        f"| {_cell(one.path)} | {_cell(one.beside)} | {_goal(one)} | {_measured(one)} | {_verdict(one)} |"
        for one in findings
    ]
    return ["| path | beside | goal | measured | |", "|---|---|---|---|---|", *rows]


def _goal(one: Finding) -> str:
    if one.goal is None:
        return ""
    return f"{'≤' if one.better == 'lower' else '≥'} {one.goal:g}{_unit(one)}"


def _measured(one: Finding) -> str:
    if one.ratio is not None:
        spread = f"({number(one.ratio.low)}–{number(one.ratio.high)}, {one.ratio.rounds} rounds)"
        return f"{number(one.ratio.median)}{_unit(one)} {spread}"
    return "not measured" if one.value is None else f"{number(one.value)}{_unit(one)}"


def _unit(one: Finding) -> str:
    return one.unit if one.unit in ("×", "%") else f" {one.unit}"


def _verdict(one: Finding) -> str:
    return {True: "met", False: "**missed**", None: ""}[one.met]


def _checked(findings: Sequence[Finding]) -> list[str]:
    """What was found correct: once where it is the same for all."""
    said = list(dict.fromkeys(one.checked for one in findings if one.checked))
    if len(said) == 1:
        return [f"Checked: {said[0]}.", ""]
    if len(findings) == len([one for one in findings if one.checked]) == len(said):
        return ["Checked:", "", *(f"- {one.path}: {one.checked}" for one in findings), ""]
    return ["Checked:", "", *(f"- {one}" for one in said), ""] if said else []


def _points(growth: Growth) -> list[str]:
    xs = sorted({x for line in growth.series.values() for x, _ in line})
    rows = [f"| {growth.x_label} | " + " | ".join(f"{x:,g}" for x in xs) + " |", "|---|" + "---|" * len(xs)]
    for name, line in growth.series.items():
        at = dict(line)
        rows.append(f"| {name} | " + " | ".join(number(at[x]) if x in at else "" for x in xs) + " |")
    return rows


def _run(results: Sequence[Result], setting: Setting) -> str:
    lines = ["## This run", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in (*setting.machine, *setting.versions)]
    lines += ["", "| case | seconds | rounds | load when it began | commit |", "|---|---|---|---|---|"]
    for result in results:
        rounds = f"{result.rounds} (quick)" if result.quick else str(result.rounds)
        lines.append(f"| {result.case} | {result.seconds:.0f} | {rounds} | {result.load:g} | {result.commit} |")
    missing = [case for case in _ORDER if case not in {result.case for result in results}]
    if missing:
        lines += ["", f"**Not measured:** {', '.join(missing)}."]
    if any(result.quick for result in results):
        lines += ["", "**A quick run: few rounds and small sizes. These figures are a look, no more.**"]
    lines += [
        "",
        "Again: `make bench`. It makes an environment for each peer, once (that takes the network and some minutes),",
        "and starts a Postgres server of its own from the wheel; `ATLAS_OTEL_BENCH_SERVER` names another. A part of",
        'it: `make bench CASES="decorated stall"`; a look: `make bench BENCH_ARGS=--quick`. Leave the machine alone',
        "meanwhile: with a load of 1 and more when a case began, its figures are worth less.",
    ]
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """Three digits that count, and no more."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if 1 <= abs(value) < 100 else f"{value:.3g}"


def clean(said: str) -> str:
    """Without paths and addresses of the machine that it was said on."""
    said = re.sub(r"https?://\S+", "…", said)
    return re.sub(r"(?<![\w.`])/(?:[\w.@+-]+/)+[\w.@+-]*", "…", said)


def _prose(text: str) -> str:
    """A docstring's paragraph as Markdown."""
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return clean(text).replace("|", "\\|") or " "


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".svg"
