"""``atlas-otel export``."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli import row_options as rows
from atlas_otel.cli import session_options as chosen
from atlas_otel.cli.catching_up import Strict, say_behind
from atlas_otel.cli.options import DatabaseUrl, Jobs, Quiet, command_app, the_database
from atlas_otel.cli.progress import progress_bar
from atlas_otel_exporters.formats import FORMATS, FormatName
from atlas_otel_exporters.source import DEFAULT_BATCH_SIZE
from atlas_otel_exporters.summary import NOT_IN_FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel_exporters import ExportSummary

app = command_app()


@app.command()
def export(
    output: Annotated[
        str, typer.Option(metavar="FILE", help="Where to write; - for standard output; .gz and .zst compress.")
    ],
    database_url: DatabaseUrl = None,
    config: chosen.ReviewConfig = None,
    session_id: chosen.SessionNames = None,
    limit: chosen.Limit = None,
    offset: Annotated[
        int, typer.Option(metavar="N", min=0, help="Skip this many of the sessions that would be written.")
    ] = 0,
    status: chosen.Statuses = None,
    include_status: chosen.IncludeStatuses = None,
    include_all_statuses: chosen.IncludeAllStatuses = False,
    since: chosen.Since = None,
    until: chosen.Until = None,
    min_reward: chosen.MinReward = None,
    learning_key: chosen.LearningKey = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="The highest sessions.id first.")] = False,
    trajectory_event_limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Only this many of a session's events, the newest. [default: all]",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=1, help="Sessions asked for at a time.")
    ] = DEFAULT_BATCH_SIZE,
    format: Annotated[
        FormatName, typer.Option(metavar="|".join(FORMATS), help="What a line is; see docs/reference/formats.md.")
    ] = "atlas",
    actor: rows.Actors = None,
    agent: rows.Agents = None,
    model: rows.Models = None,
    step: rows.Steps = None,
    finish_reason: rows.FinishReasons = None,
    tag: rows.Tags = None,
    valid: rows.Valid = None,
    min_call_reward: rows.CallMinReward = None,
    max_call_reward: rows.CallMaxReward = None,
    only_good: rows.OnlyGood = False,
    pairs: rows.Pairs = None,
    min_margin: rows.MinMargin = 0.0,
    same_prompt: rows.SamePrompt = False,
    unit: rows.RlUnit = "attempt",
    normalise: rows.Normalised = "none",
    arguments: rows.ToolArguments = "objects",
    events: rows.EventText = "full",
    label_threshold: rows.LabelThreshold = 0.5,
    jobs: Jobs = 1,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Keep writing until interrupted: a session when it is complete, and again, with a higher revision, "
            "when later data changed it.",
        ),
    ] = False,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Write recorded sessions as lines of JSON for training.

    By default: approved sessions only, oldest first, with every event. Sessions that are behind their records are
    computed first; if other processes hold some for longer than 30 s, their number is reported.
    """
    from atlas_otel_exporters import export_jsonl

    url = the_database(database_url)
    options = rows.row_options(
        actor=actor,
        agent=agent,
        model=model,
        step=step,
        finish_reason=finish_reason,
        tag=tag,
        valid=valid,
        min_call_reward=min_call_reward,
        max_call_reward=max_call_reward,
        only_good=only_good,
        pairs=pairs,
        min_margin=min_margin,
        same_prompt=same_prompt,
        unit=unit,
        normalise=normalise,
        arguments=arguments,
        events=events,
        label_threshold=label_threshold,
    )
    statuses = chosen.statuses_asked_for(include_status, include_all=include_all_statuses, config=config)
    with (
        _interrupted() if follow else nullcontext() as stop,
        progress_bar("Exporting", shown=not quiet and not follow and sys.stderr.isatty()) as progress,
    ):
        summary = export_jsonl(
            output,
            database_url=url,
            session_ids=session_id or (),
            statuses=status or (),
            review_statuses=statuses,
            since=since,
            until=until,
            min_reward=min_reward,
            learning_key=learning_key,
            limit=limit,
            offset=offset,
            newest_first=newest_first,
            trajectory_event_limit=trajectory_event_limit,
            batch_size=batch_size,
            format=format,
            options=options,
            jobs=jobs,
            follow=stop,
            waiting=None if quiet else lambda error: typer.echo(f"waiting: {error}", err=True),
            progress=progress,
        )
    report_export(summary, output, left="spans" if format == "otlp" else "model calls", quiet=quiet, follow=follow)
    if follow:
        return
    behind = say_behind(summary.behind, strict=strict)
    if summary.sessions == 0 or summary.unreadable or behind:
        raise typer.Exit(1)


def report_export(summary: ExportSummary, output: str, *, left: str, quiet: bool, follow: bool) -> None:
    """Say what was written, and why other sessions were not. ``left``: what lines are made of."""
    for session_id, reason in summary.unreadable.items():
        typer.echo(f"session {session_id} was left out: {reason}", err=True)
    if not quiet and (summary.sessions or follow):
        place = "standard output" if output == "-" else output
        typer.echo(
            f"{summary.sessions} sessions, {summary.steps} steps, {summary.events} events: "
            f"{summary.lines} lines, {summary.bytes} bytes, to {place}",
            err=True,
        )
        if summary.revisions:
            typer.echo(f"  written again: {summary.revisions}", err=True)
    if not quiet:
        for reason, count in summary.skipped.items():
            typer.echo(f"  left out: {count} ({reason})", err=True)
        for reason, count in summary.calls_left_out.items():
            typer.echo(f"  {left} left out: {count} ({reason})", err=True)
    if summary.sessions == 0 and not follow:
        typer.echo(_hint(summary), err=True)


def _hint(summary: ExportSummary) -> str:
    unreviewed = sum(count for reason, count in summary.skipped.items() if reason.startswith("review status"))
    if not summary.skipped:
        return "Nothing was exported: there are no sessions."
    if unsuited := summary.skipped.get(NOT_IN_FORMAT):
        return f"Nothing was exported: {unsuited} sessions hold nothing that this format is made of."
    if not unreviewed:
        return "Nothing was exported: no session passes the filters."
    return (
        f"Nothing was exported: {unreviewed} sessions have a review status that is not asked for. Look at them with "
        "`atlas-otel review sessions`, approve with `atlas-otel review approve ID`, or give --include-status pending; "
        "ATLAS_REVIEW_REQUIRE_APPROVAL=0 takes pending ones from now on."
    )


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: a follower ends between two lines."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
