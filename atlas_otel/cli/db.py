"""``atlas-otel db``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from atlas_otel.cli.options import AsJson, DatabaseUrl, Quiet, command_app, duration, print_json, the_database
from atlas_otel.postgres import migrate

_WORTH_SAYING: Final = 100_000_000
_BYTES_A_MINUTE: Final = 60 * 100_000_000
"""At 100 MB a second, which a disk of this decade writes with its indexes."""

app = command_app("Make the database's schema, say where it stands, mark abandoned sessions, keep to a retention.")


@app.command()
def init(database_url: DatabaseUrl = None) -> None:
    """Bring the schema up to date; safe over an empty database, and over one that the Atlas SDK made.

    The same as `db migrate`.
    """
    _migrate(the_database(database_url))


@app.command("migrate")
def migrate_(database_url: DatabaseUrl = None) -> None:
    """Bring the schema of a database that others use up to date; agents never do that by themselves.

    Reports in advance how much it rewrites under a lock and, while it waits, for whom. Records of agents wait
    meanwhile. Programs that are too old for the new schema log it, and keep their records.
    """
    _migrate(the_database(database_url))


def _migrate(url: str) -> None:
    size = migrate.rewritten_bytes(url)
    if size >= _WORTH_SAYING:
        minutes = max(1, round(size / _BYTES_A_MINUTE))
        said = f"{size / 1e9:.1f} GB of tables are rewritten under a lock: {minutes} to {4 * minutes} minutes"
        typer.echo(f"{said}, in which records wait", err=True)
    done = migrate.init(url, waiting=lambda held: typer.echo(held, err=True))
    for migration in done.pending:
        typer.echo(f"applied {migration.version:04} {migration.name}")
    version = max((migration.version for migration in done.pending), default=done.version)
    typer.echo(f"{done.database}: schema version {version}, up to date")


@app.command()
def status(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Say which schema version the database has; exit code 1 where it is not up to date."""
    found = migrate.status(the_database(database_url))
    if as_json:
        print_json(
            {
                "database": found.database,
                "version": found.version,
                "current": found.current,
                "applied": [{"version": a.version, "name": a.name, "applied_at": a.applied_at} for a in found.applied],
                "pending": [{"version": one.version, "name": one.name} for one in found.pending],
            }
        )
        if not found.current:
            raise typer.Exit(1)
        return
    for applied in found.applied:
        typer.echo(f"{applied.version:04} {applied.name}, applied {applied.applied_at.isoformat()}")
    for migration in found.pending:
        typer.echo(f"{migration.version:04} {migration.name}, not applied")
    typer.echo(
        f"{found.database}: schema version {found.version}, {'up to date' if found.current else 'not up to date'}"
    )
    if not found.current:
        typer.echo("run: atlas-otel db init", err=True)
        raise typer.Exit(1)


@app.command()
def reap(
    older_than: Annotated[str, typer.Option(metavar="TIME", help="How long nothing came to them: 90s, 30m, 1h, 2d.")],
    database_url: DatabaseUrl = None,
    quiet: Quiet = False,
) -> None:
    """Mark sessions that never ended, and to which nothing came for so long, as failed: abandoned.

    Nothing of them is lost, and they are exported as any other; a real end that comes later wins. Sessions of a process
    whose spool is found are marked without this.
    """
    from atlas_otel.postgres.reaper import reap as reap_sessions

    url = the_database(database_url)
    done = reap_sessions(url, duration(older_than))
    if not quiet:
        for key in done:
            typer.echo(key)
        typer.echo(f"marked {len(done)} sessions as abandoned", err=True)


@app.command()
def retain(
    records: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Remove the records of sessions to which nothing came for so long: 30d."),
    ] = None,
    contract: Annotated[
        str | None, typer.Option(metavar="TIME", help="Delete sessions that are older and quiet for so long: 90d.")
    ] = None,
    database_url: DatabaseUrl = None,
    quiet: Quiet = False,
) -> None:
    """Remove records and sessions that are older than you keep them.

    Without its records, a session keeps its rows: they can be exported and reviewed, but are not computed again, and
    nothing that arrives late is added. A deleted session is removed whole.
    """
    import sys

    from atlas_otel.cli.progress import removal_bar
    from atlas_otel.errors import UsageError
    from atlas_otel.postgres.erasure import retain as keep_to

    if records is None and contract is None:
        raise UsageError("say for how long: --records 30d, --contract 90d, or both")
    with removal_bar("removing", shown=sys.stderr.isatty() and not quiet) as progress:
        done = keep_to(
            the_database(database_url),
            records=None if records is None else duration(records),
            contract=None if contract is None else duration(contract),
            progress=progress,
        )
    if done is None:
        typer.echo("another process is at it", err=True)
        raise typer.Exit(1)
    if not quiet:
        typer.echo(
            f"records of {done.records['sessions']} sessions removed; {done.contract['sessions']} sessions deleted"
        )
