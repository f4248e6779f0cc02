"""``atlas-otel rebuild``."""

from __future__ import annotations

from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, Jobs, Quiet, command_app, the_database
from atlas_otel.cli.text import short
from atlas_otel.errors import UsageError

app = command_app()


@app.command(
    help="Compute sessions' rows again from their records, and what the page shows of them. Reviews stay. "
    "Exit code 1 where the rows of one cannot be computed: it is named."
)
def rebuild(
    database_url: DatabaseUrl = None,
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="SESSION", help="This session, by any of its names. May be repeated."),
    ] = None,
    all_sessions: Annotated[bool, typer.Option("--all", help="Every session that was recorded.")] = False,
    jobs: Jobs = 1,
    quiet: Quiet = False,
) -> None:
    """Mark the sessions dirty, and project until none is."""
    from atlas_otel.postgres.facts import facts_again
    from atlas_otel.postgres.sessions import keys_of, not_computed
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.process.jobs import results_in_order

    if bool(session) == all_sessions:
        raise UsageError("no sessions given: use --session ID (repeatable) or --all")
    url = the_database(database_url)
    keys = keys_of(url, session or [])
    with PostgresStore(url, migrate_schema=False) as store:
        marked = store.mark_dirty(None if all_sessions else keys)
    # Each takes what no other has at the moment, until there is nothing.
    done = sum(results_in_order(_project, [url] * jobs, jobs))
    facts_again(url, None if all_sessions else keys)
    broken = not_computed(url, keys=None if all_sessions else keys)
    for session_ in broken:
        typer.echo(short(str(session_), 200), err=True)
    if not quiet:
        lacking = f"; {len(broken)} cannot be computed" if broken else ""
        typer.echo(f"{marked} sessions to compute again, {max(done - len(broken), 0)} computed{lacking}")
    if broken:
        raise typer.Exit(1)


def _project(url: str) -> int:
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.process.garbage import collected_seldom

    done = 0
    with collected_seldom(), PostgresStore(url, migrate_schema=False) as store:
        while some := store.project():
            done += some
    return done
