"""``atlas-otel spool``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from atlas_otel.cli.options import DatabaseUrl, command_app, the_database
from atlas_otel.postgres.dsn import database_url_from, describe

app = command_app("See what waits in files for a database, and store what dead processes left.")

SpoolDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The spool's folder. [default: ATLAS_OTEL_SPOOL_DIR, or the user's state folder]"),
]


@app.command()
def status(
    database_url: DatabaseUrl = None,
    spool_dir: SpoolDir = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON value instead of text.")] = False,
) -> None:
    """Say what waits, by database and process; of every database where none is named. Changes nothing.

    A living process stores its own records. The next process that records into the same database stores those of a
    dead one, and so does `atlas-otel spool replay`.
    """
    import orjson

    from atlas_otel.delivery.spool_status import status as spool_status

    url = database_url_from(database_url, os.environ)
    wanted = None if url is None else describe(url)
    found = [target for target in spool_status(spool_dir) if wanted in (None, target.target)]
    if json:
        typer.echo(
            orjson.dumps(found, default=lambda value: str(value) if isinstance(value, Path) else value._asdict())
        )
        return
    for target in found:
        typer.echo(target.target)
        for owner in target.owners:
            who = f"process {owner.identity.pid} on {owner.identity.host}" if owner.identity else "an unknown process"
            state = "alive" if owner.alive else "dead"
            damaged = f", {owner.damaged} damaged" if owner.damaged else ""
            files = f"{owner.segments} files" + (f" ({owner.unread} not readable)" if owner.unread else "")
            typer.echo(f"  {who}, {state}: {owner.records} records{damaged} in {files}, {owner.bytes} bytes")
        if target.refused:
            typer.echo(f"  {target.refused} records that no store took: atlas-otel refused list")
        if not target.owners:
            typer.echo("  nothing waits")
    if not found:
        typer.echo("nothing waits" if wanted is None else f"nothing waits for {wanted}")


@app.command()
def replay(database_url: DatabaseUrl = None, spool_dir: SpoolDir = None) -> None:
    """Store what dead processes left for the database, and bring the sessions' rows up to date.

    Exit code 1 where a record was refused or could not be read, or a file could not; such a file stays.
    """
    from atlas_otel.delivery.spool_status import replay as replay_spool
    from atlas_otel.postgres.store import PostgresStore

    url = the_database(database_url)
    with PostgresStore(url) as store:
        done = replay_spool(store, describe(url), spool_dir)
    typer.echo(f"{describe(url)}: stored {done.stored} records of {done.owners} dead processes")
    if done.poisoned or done.damaged:
        typer.echo(f"refused by the database: {done.poisoned}; not readable: {done.damaged}", err=True)
    for path in done.unread:
        typer.echo(f"cannot be read, and stays: {path}", err=True)
    if done.poisoned or done.damaged or done.unread:
        raise typer.Exit(1)
