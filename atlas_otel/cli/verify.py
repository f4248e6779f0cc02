"""``atlas-otel verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, command_app, the_database

app = command_app()


@app.command(help="Compare records, rows and an exported file; name each difference. Exit code 1 where there is one.")
def verify(
    database_url: DatabaseUrl = None,
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="This session, by number or key. May be repeated. [default: all]"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Lines that `export` wrote (format atlas; .gz and .zst too)."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="How many differences to print.")] = 100,
) -> None:
    """Print each difference on standard output, and what was compared on standard error."""
    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel_exporters.verify import verify_database, verify_file

    url = the_database(database_url)
    keys = keys_of(url, session or [])
    lines = found = 0
    for difference in verify_database(url, keys):
        found += 1
        if found <= most:
            typer.echo(str(difference))
    for outcome in verify_file(url, file, keys if session else None) if file is not None else ():
        lines += 1
        for difference in outcome:
            found += 1
            if found <= most:
                typer.echo(str(difference))
    compared = f"{len(keys)} sessions" + (f" and {lines} lines" if file is not None else "")
    typer.echo(f"compared {compared}: {found} differences", err=True)
    if found:
        raise typer.Exit(1)
