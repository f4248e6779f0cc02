"""``atlas-otel project``."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from atlas_otel.cli.options import SESSION_HELP, DatabaseUrl, Quiet, command_app, the_database
from atlas_otel.errors import RetryableStoreError, StoreError

app = command_app()

_EVERY_S = 0.4
_AWAY_S = 2.0
_LIMIT = 100


@app.command()
def project(
    sessions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SESSION]...", help=f"{SESSION_HELP} None: all.", show_default=False),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run until interrupted, and compute records as they arrive.")
    ] = False,
    database_url: DatabaseUrl = None,
    quiet: Quiet = False,
) -> None:
    """Compute the rows of all sessions whose records have changed.

    An agent computes its own sessions, unless one holds too much for its memory or ATLAS_OTEL_PROJECTION says none.
    This command, a `collect` and every export do the rest. Exit code 1 where a session is still behind its records.
    """
    from atlas_otel.errors import UsageError
    from atlas_otel.postgres.catch_up import catch_up
    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel.process.garbage import collected_seldom

    url = the_database(database_url)
    if watch:
        if sessions:
            raise UsageError("--watch computes every session: leave out the names")
        with collected_seldom():
            _watch(url, quiet=quiet)
        return
    if sessions:
        with collected_seldom():
            done, behind = _named(url, keys_of(url, sessions))
        if not quiet:
            typer.echo(f"computed {done} sessions", err=True)
    else:
        with collected_seldom():
            behind = catch_up(url)
    if behind:
        typer.echo(f"{behind} sessions are behind their records: other processes hold them", err=True)
        raise typer.Exit(1)


def _named(url: str, keys: list[str]) -> tuple[int, int]:
    from atlas_otel.postgres.store import PostgresStore
    from atlas_otel.records.store import Wanted

    done = 0
    with PostgresStore(url, migrate_schema=False) as store:
        while True:
            result = store.project_wanted(Wanted(keys), limit=_LIMIT)
            done += result.done
            if not result.done:
                return done, result.busy


def _watch(url: str, *, quiet: bool) -> None:
    from atlas_otel.postgres.store import PostgresStore

    stop = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop.set())
    done = 0
    with PostgresStore(url, migrate_schema=False) as store:
        while not stop.is_set():
            try:
                done += (some := store.project(limit=_LIMIT))
                stop.wait(0 if some >= _LIMIT else _EVERY_S)
            except RetryableStoreError as error:
                if not quiet:
                    typer.echo(f"waiting: {error}", err=True)
                stop.wait(_AWAY_S)
            except StoreError:
                if not stop.is_set():
                    raise
    if not quiet:
        typer.echo(f"computed {done} sessions", err=True)
