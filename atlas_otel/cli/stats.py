"""``atlas-otel stats``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlas_otel.cli import selecting
from atlas_otel.cli.options import AsJson, DatabaseUrl, command_app, print_json, the_database
from atlas_otel.cli.tables import Column, dollars, name, number, print_bars, print_table, seconds
from atlas_otel.cli.text import short
from atlas_otel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.look.failures import FailureCluster
    from atlas_otel.look.filters import SessionFilter
    from atlas_otel.look.statistics import CallStatistics, Dimension, SessionStatistics

app = command_app()

By = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Group by these, comma-separated: day, agent, learning-key, and model or tool, which count calls.",
    ),
]
Plot = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Draw this column as bars: sessions, reward, failed, retries, …")
]
Failures = Annotated[bool, typer.Option("--failures", help="What fails, grouped by tool or step and message.")]
Limit = Annotated[int, typer.Option(min=1, help="With --failures: how many groups at most.")]


@app.command()
def stats(
    database_url: DatabaseUrl = None,
    by: By = None,
    failures: Failures = False,
    plot: Plot = None,
    status: selecting.Status = None,
    since: selecting.Since = None,
    until: selecting.Until = None,
    agent: selecting.Agent = None,
    model: selecting.Model = None,
    tool: selecting.Tool = None,
    min_reward: selecting.MinReward = None,
    failed: selecting.Failed = False,
    conversation: selecting.Conversation = None,
    text: selecting.Words = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Say how agents do: success, reward, retries, tokens and latency; or, with --failures, what fails."""
    from atlas_otel.look.statistics import call_statistics, dimensions, session_statistics

    url = the_database(database_url)
    wanted = selecting.chosen(status, since, until, agent, model, tool, min_reward, failed, text, conversation)
    if failures:
        if by is not None or plot is not None:
            raise UsageError("--failures has groups of its own: leave out --by and --plot")
        _failures(url, wanted, limit, as_json=as_json)
        return
    groups = dimensions(by or "")
    found: Sequence[SessionStatistics | CallStatistics]
    calls = "model" in groups or "tool" in groups
    found = call_statistics(url, wanted, groups) if calls else session_statistics(url, wanted, groups)
    if as_json:
        print_json([row._asdict() for row in found])
    elif not found:
        typer.echo("no sessions", err=True)
    elif plot is not None:
        _plot(found, groups, plot)
    else:
        _print(found, groups, calls=calls)


def _print(found: Sequence[Any], groups: Sequence[Dimension], *, calls: bool) -> None:
    labels = [Column(group, cut=group != "day") for group in groups]
    show = _call_cells if calls else _session_cells
    print_table([*labels, *(_CALLS if calls else _SESSIONS)], [[*_labels(row, groups), *show(row)] for row in found])


_SESSIONS = (
    *(Column(heading, right=True) for heading in ("sessions", "succeeded", "failed", "reward")),
    *(Column(heading, right=True, optional=True) for heading in ("±", "retries", "helped", "gain")),
    *(Column(heading, right=True, optional=True) for heading in ("tokens in", "out", "cost", "p50", "p95")),
)
_CALLS = (
    *(Column(heading, right=True) for heading in ("sessions", "calls", "failed")),
    *(Column(heading, right=True, optional=True) for heading in ("tokens in", "out", "p50", "p95")),
)


def _session_cells(row: SessionStatistics) -> list[str]:
    return [
        number(row.sessions),
        f"{row.succeeded / row.sessions:.0%}",
        number(row.failed),
        number(row.reward, 2),
        number(row.reward_spread, 2),
        number(row.retries),
        f"{row.improved}/{row.guided}" if row.guided else "-",
        "-" if row.gain is None else f"{row.gain:+.2f}",
        number(row.input_tokens),
        number(row.output_tokens),
        _cost(row),
        seconds(row.p50_seconds),
        seconds(row.p95_seconds),
    ]


def _cost(row: SessionStatistics) -> str:
    """What is known, with a plus where some calls' price is not."""
    if row.cost_usd is None:
        return "unknown" if row.unpriced_calls else "-"
    return dollars(row.cost_usd) + ("+" if row.unpriced_calls else "")


def _call_cells(row: CallStatistics) -> list[str]:
    return [
        number(row.sessions),
        number(row.calls),
        f"{row.failed / row.calls:.0%}",
        number(row.input_tokens),
        number(row.output_tokens),
        seconds(row.p50_seconds),
        seconds(row.p95_seconds),
    ]


def _labels(row: Any, groups: Sequence[Dimension]) -> list[str]:
    return [
        name(getattr(row, "name" if group in ("model", "tool") else group.replace("-", "_")), 40) for group in groups
    ]


def _plot(found: Sequence[Any], groups: Sequence[Dimension], column: str) -> None:
    wanted = column.strip().lower().replace("-", "_")
    numeric = [field for field in found[0]._fields if field not in {"day", "agent", "learning_key", "name"}]
    if wanted not in numeric:
        raise UsageError(f"there is no column {short(column)} to plot; there are {', '.join(numeric)}")
    labels = ["  ".join(_labels(row, groups)) or "all" for row in found]
    print_bars(labels, [getattr(row, wanted) for row in found], heading=wanted)


def _failures(url: str, wanted: SessionFilter, limit: int, *, as_json: bool) -> None:
    from atlas_otel.look.failures import failure_clusters, to_json

    found = failure_clusters(url, wanted)
    if as_json:
        print_json([to_json(cluster) for cluster in found[:limit]])
        return
    if not found:
        typer.echo("nothing failed", err=True)
        return
    print_table(_FAILURES, [_failure_cells(cluster) for cluster in found[:limit]])
    if len(found) > limit:
        typer.echo(f"{len(found) - limit} more groups: --limit {len(found)}", err=True)


_FAILURES = (
    Column("count", right=True),
    Column("sessions", right=True, optional=True),
    Column("what"),
    Column("name", cut=True),
    Column("error", cut=True),
    Column("message", cut=True),
    Column("first seen", optional=True),
    Column("last seen", optional=True),
    Column("example"),
)


def _failure_cells(cluster: FailureCluster) -> list[str]:
    return [
        number(cluster.count),
        number(cluster.sessions),
        cluster.kind,
        name(cluster.name, 40),
        name(cluster.error_type, 40),
        short(cluster.message, 120),
        f"{cluster.first_seen:%Y-%m-%d %H:%M}",
        f"{cluster.last_seen:%Y-%m-%d %H:%M}",
        f"session {cluster.example_session}",
    ]
