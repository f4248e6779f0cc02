"""``atlas-otel doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, command_app

app = command_app()


@app.command(
    help="Check that recording works from start to end, and say what to do if not.\n\n"
    "Checks settings, database, spool, stalled records and the tracer provider. Then it records a real session, looks "
    "for it in Postgres, in an exported line and, if spans are sent, in Jaeger, and removes it. Exit code 1 if one "
    "fails."
)
def doctor(
    database_url: DatabaseUrl = None,
    application: Annotated[
        str | None,
        typer.Option("--app", metavar="MODULE", help="Import this module first, to examine the provider that it sets."),
    ] = None,
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Record a session to prove the way.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a line for each finding."""
    import os
    import sys

    import orjson

    from atlas_otel.doctor.examine import examine
    from atlas_otel.doctor.finding import failed
    from atlas_otel.errors import UsageError
    from atlas_otel.postgres.dsn import database_url_from

    sys.path.insert(0, "")  # a module of the folder that it is called in, as with python -m
    found = []
    try:
        for finding in examine(database_url_from(database_url, os.environ), application, probe=probe):
            found.append(finding)
            if not as_json:
                typer.echo(str(finding))
    except ModuleNotFoundError as error:
        if application is None or error.name is None or not application.startswith(error.name):
            raise
        raise UsageError(f"--app {application}: there is no such module") from None
    if as_json:
        typer.echo(orjson.dumps({"ok": not failed(found), "findings": [one.to_json() for one in found]}))
    if failed(found):
        raise typer.Exit(1)
