"""``atlas-otel sessions``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli import selecting
from atlas_otel.cli.catching_up import Strict, catch_up_first
from atlas_otel.cli.options import AsJson, DatabaseUrl, SessionName, command_app, print_json, the_database
from atlas_otel.cli.tables import Column, name, number, print_table, seconds
from atlas_otel.cli.text import short

if TYPE_CHECKING:
    from atlas_otel.look.sessions import ListedSession
    from atlas_otel.records.record import RecordSet

app = command_app("Look at what was recorded: sessions, and each as a tree of steps, tools and model calls.")


@app.command("list")
def list_(
    database_url: DatabaseUrl = None,
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
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="Skip this many, the newest.")] = 0,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """List sessions, newest first; those that are behind their records are computed before."""
    from atlas_otel.look.sessions import list_sessions

    wanted = selecting.chosen(status, since, until, agent, model, tool, min_reward, failed, text, conversation)
    behind = catch_up_first(the_database(database_url), strict=strict)
    found = list_sessions(the_database(database_url), wanted, limit=limit, offset=offset)
    if as_json:
        print_json([session._asdict() for session in found])
    elif found:
        print_table(_COLUMNS, [_cells(session) for session in found])
    else:
        typer.echo("no sessions", err=True)
    for session in found:
        if session.projection_error and not as_json:
            named = session.key if session.id is None else session.id
            typer.echo(f"session {named} cannot be computed: {short(session.projection_error)}", err=True)
    if behind:
        raise typer.Exit(1)


@app.command()
def show(
    session: SessionName,
    database_url: DatabaseUrl = None,
    whole: Annotated[bool, typer.Option("--verbose", "-v", help="Show text, arguments and results in full.")] = False,
    datasets: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Say too which datasets below this folder hold rows of it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a session as it was recorded: what it came to, and a tree with verdicts, errors, tokens and rewards.

    One whose records are in a lake is read from there, by its key, its number or the id of a trace of its.
    """
    from atlas_otel.cli.session_page import Head, print_session
    from atlas_otel.lake.lookup import recorded_session
    from atlas_otel.look.session_tree import session_tree
    from atlas_otel_exporters.datasets.manifest import datasets_of
    from atlas_otel_exporters.datasets.register import datasets_holding

    url = the_database(database_url)
    ids = recorded_session(url, session)
    if ids.away is not None:
        lake, when = ids.away.lake, ids.away.archived_at
        typer.echo(f"from the lake {lake}, archived on {when:%Y-%m-%d}: read only", err=True)
    trees = session_tree(ids.records, ids.rows, ids.key)
    held = [] if datasets is None else list(datasets_of(ids.key, datasets))
    listed = datasets_holding(url, [] if ids.id is None else [ids.id], [ids.key])
    if as_json:
        task = ids.rows.session.task if ids.rows else None
        shown = {"session_id": ids.key, "task": task, "spans": [tree.to_json() for tree in trees]}
        places = {one.folder: one.rows for one in listed} | {str(path): count for path, _, count in held}
        print_json(shown | {"datasets": places})
        return
    print_session(Head(ids.key, ids.id, _addresses(ids.records)), ids.rows, trees, whole=whole)
    for one in listed:
        typer.echo(f"in the dataset {one.name} ({one.format}), made in {one.folder}: {one.rows} rows")
    for path, manifest, count in held:
        typer.echo(f"in the dataset {manifest.name}, {path}: {count} rows")
    if datasets is not None and not held:
        typer.echo(f"in no dataset below {datasets}")


@app.command("open")
def open_(
    session: SessionName,
    database_url: DatabaseUrl = None,
    print_only: Annotated[bool, typer.Option("--print", help="Print the addresses, open no browser.")] = False,
) -> None:
    """Open a session's traces in Jaeger (ATLAS_OTEL_JAEGER_URL, default http://localhost:16686)."""
    from atlas_otel.lake.lookup import recorded_session

    found = recorded_session(the_database(database_url), session)
    for address in _addresses(found.records):
        typer.echo(address)
        if not print_only:
            typer.launch(address)


def _addresses(records: RecordSet) -> list[str]:
    """Where a session's traces show in Jaeger. A late reward has a trace of its own, which shows nothing of the run."""
    import os

    from atlas_otel.settings import resolve

    base = resolve({}, os.environ).jaeger_url.rstrip("/")
    return [
        f"{base}/trace/{trace}" for trace in sorted({s.trace_id for s in records.spans.values() if s.kind != "reward"})
    ]


_COLUMNS = (
    Column("id", right=True),
    Column("key", optional=True),
    Column("started"),
    Column("took", right=True, optional=True),
    Column("status"),
    Column("review"),
    Column("agent", cut=True, optional=True),
    Column("steps", right=True, optional=True),
    Column("reward", right=True),
    Column("tokens", right=True, optional=True),
    Column("task", cut=True),
)


def _cells(session: ListedSession) -> list[str]:
    took = None if session.completed_at is None else (session.completed_at - session.created_at).total_seconds()
    return [
        "-" if session.id is None else str(session.id),
        "-" if session.key is None else session.key[:8],
        f"{session.created_at:%Y-%m-%d %H:%M:%S}",
        seconds(took),
        session.status,
        session.review_status,
        name(session.agent, 30),
        str(session.steps),
        number(session.score, 2),
        number(session.tokens),
        short(session.task, 200),
    ]
