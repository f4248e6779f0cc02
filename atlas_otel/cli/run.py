"""``atlas-otel run``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from atlas_otel import pipeline
from atlas_otel.cli.options import DatabaseUrl, Quiet, command_app
from atlas_otel.cli.text import short
from atlas_otel.errors import UsageError
from atlas_otel.runtime.assembly import Assembly
from atlas_otel.runtime.batch import Done, Task, read_tasks, run_tasks
from atlas_otel.runtime.run import bind_telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

app = command_app()
_SHOWN = 60
_FLUSH_S = 15


@app.command()
def run(
    config: Annotated[Path, typer.Option(metavar="FILE", help="The config that names the agent.")],
    task: Annotated[list[str] | None, typer.Option(metavar="T", help="A task. May be repeated.")] = None,
    tasks: Annotated[
        Path | None, typer.Option(metavar="FILE", help='Tasks as JSON lines: "…" or {"task": "…", "metadata": {…}}.')
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, metavar="N", help="Tasks that run at the same time.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N tasks.")] = None,
    database_url: DatabaseUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each result as a line of JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Run tasks with the agent that a config names: triaged, routed, checked, judged, recorded.

    Progress goes to standard error, the results to standard output. Exit code 1 where a task failed.
    """
    wanted = [*(Task(text) for text in task or ()), *(read_tasks(tasks) if tasks is not None else ())][:limit]
    if not wanted:
        raise UsageError("no task given: use --task or --tasks")
    assembly = Assembly.read(config)
    if database_url is not None:
        assembly = assembly.storing_in(database_url)
    telemetry = bind_telemetry(assembly.config, False if quiet else None)
    try:
        done = asyncio.run(run_tasks(assembly, wanted, at_once=at_once, ended=_line if as_json else None))
    finally:
        stored = telemetry is None or telemetry.flush(_FLUSH_S)
        pipeline.shutdown()
    if not as_json:
        _table(done)
    if telemetry is None or telemetry.database_url is None:
        typer.echo("Nothing was stored: name a database in storage.database_url, or with --database-url.", err=True)
    if not stored:
        typer.echo("Not everything is stored yet: what was recorded waits in the spool (atlas-otel spool).", err=True)
    if any(one.error is not None for one in done):
        raise typer.Exit(1)


def _line(done: Done) -> None:
    values: dict[str, object] = {"task": done.task.text, "error": done.error}
    if done.result is not None:
        values.update(asdict(done.result), plan=done.result.plan.model_dump())
    typer.echo(orjson.dumps(values, default=str).decode())


def _table(done: Sequence[Done]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("session", "lane", "attempts", "reward", "review", "seconds", "answer"):
        number = title in ("attempts", "reward", "seconds")
        table.add_column(title, overflow="fold", justify="right" if number else "left")
    for one in done:
        if one.result is None:
            table.add_row("-", "-", "-", "-", "-", "-", f"FAILED: {short(str(one.error), _SHOWN)}")
            continue
        result = one.result
        score = result.reward.get("score") if result.reward is not None else None
        table.add_row(
            result.session_id,
            result.execution_mode,
            str(sum(step.attempts for step in result.step_results)),
            f"{score:.2f}" if isinstance(score, float) else "-",
            result.review_status,
            f"{result.duration_s:.2f}",
            short(result.final_answer, _SHOWN),
        )
    # Cells hold what agents said: nothing of it is markup. A pipe gets whole lines.
    Console(file=sys.stdout, markup=False, width=None if sys.stdout.isatty() else 240).print(table)
