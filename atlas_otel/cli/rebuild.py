"""``atlas-otel rebuild``."""

from __future__ import annotations

from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, Quiet, command_app, the_database
from atlas_otel.errors import UsageError

app = command_app()


@app.command(help="Compute sessions' rows again from their records. Review status and notes stay.")
def rebuild(
    database_url: DatabaseUrl = None,
    session: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="This session, by number or key. May be repeated.")
    ] = None,
    all_sessions: Annotated[bool, typer.Option("--all", help="Every session that was recorded.")] = False,
    quiet: Quiet = False,
) -> None:
    """Mark the sessions dirty, and project until none is."""
    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel.postgres.store import PostgresStore

    if bool(session) == all_sessions:
        raise UsageError("say which sessions: --session ID (may be repeated), or --all")
    url = the_database(database_url)
    keys = keys_of(url, session or [])
    with PostgresStore(url, migrate_schema=False) as store:
        marked = store.mark_dirty(None if all_sessions else keys)
        done = 0
        while some := store.project():
            done += some
    if not quiet:
        typer.echo(f"{marked} sessions to compute again, {done} computed")
