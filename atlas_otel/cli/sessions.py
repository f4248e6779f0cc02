"""``atlas-otel sessions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, command_app, the_database
from atlas_otel.cli.text import short

if TYPE_CHECKING:
    from atlas_otel.postgres.sessions import ListedSession
    from atlas_otel.projection.session_tree import TreeNode

app = command_app("Look at what was recorded: sessions, and each as a tree of steps, tools and model calls.")

SessionName = Annotated[str, typer.Argument(metavar="ID", help="A session: its number or its key.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value instead of text.")]


@app.command("list")
def list_(
    database_url: DatabaseUrl = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only running, succeeded or failed ones.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many, the newest.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List sessions, newest first."""
    from atlas_otel.postgres.sessions import list_sessions

    found = list_sessions(the_database(database_url), status=status, limit=limit, offset=offset)
    if as_json:
        _print_json([session._asdict() for session in found])
        return
    for session in found:
        typer.echo(_line(session))
    if not found:
        typer.echo("no sessions", err=True)


@app.command()
def show(session: SessionName, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show a session as it was recorded: a tree with durations, tokens, errors and rewards."""
    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.projection.session_tree import session_tree

    url = the_database(database_url)
    (key,) = keys_of(url, [session])
    with PostgresStore(url, migrate_schema=False) as store:
        rows = store.rows(key)
        trees = session_tree(store.records(key), rows, key)
    if as_json:
        head = {"session_id": key, "task": rows.session.task if rows else None, "spans": [t.to_json() for t in trees]}
        _print_json(head)
        return
    if rows is not None:
        typer.echo(f"{key}  {rows.session.status}  {short(rows.session.task)}")
        typer.echo(f"answer: {short(rows.session.final_answer)}")
    for tree in trees:
        for depth, node in tree.walk():
            typer.echo(_branch(depth, node))


@app.command("open")
def open_(
    session: SessionName,
    database_url: DatabaseUrl = None,
    print_only: Annotated[bool, typer.Option("--print", help="Print the addresses, open no browser.")] = False,
) -> None:
    """Open a session's traces in Jaeger (ATLAS_OTEL_JAEGER_URL, default http://localhost:16686)."""
    import os

    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.settings import resolve

    url = the_database(database_url)
    (key,) = keys_of(url, [session])
    with PostgresStore(url, migrate_schema=False) as store:
        # A late reward stands in a trace of its own, which shows nothing of the run.
        traces = sorted({span.trace_id for span in store.records(key).spans.values() if span.kind != "reward"})
    base = resolve({}, os.environ).jaeger_url.rstrip("/")
    for trace in traces:
        address = f"{base}/trace/{trace}"
        typer.echo(address)
        if not print_only:
            typer.launch(address)


def _line(session: ListedSession) -> str:
    score = "-" if session.score is None else f"{session.score:.2f}"
    began = session.created_at.strftime("%Y-%m-%d %H:%M:%S")
    wrong = f"  NOT COMPUTED: {short(session.projection_error)}" if session.projection_error else ""
    if session.id is None:
        return f"{'-':>6}  {began}  {session.key}{wrong}"
    return (
        f"{session.id:>6}  {began}  {session.status:<9}  {session.review_status:<11}  "
        f"steps {session.steps:<3} reward {score:<5} {short(session.task, 60)}{wrong}"
    )


def _branch(depth: int, node: TreeNode) -> str:
    took = "running" if node.duration_ms is None else f"{node.duration_ms:.0f} ms"
    parts = [f"{'  ' * (depth + 1)}{node.kind} {short(node.name, 70)}", took]
    if node.tokens is not None:
        parts.append(f"{node.tokens} tokens")
    if node.score is not None:
        parts.append(f"reward {node.score:.2f}")
    if node.error:
        parts.append(f"FAILED {short(node.error, 80)}")
    return " | ".join(parts)


def _print_json(value: object) -> None:
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
