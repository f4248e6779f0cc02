"""``atlas-otel delete``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, Quiet, command_app, moment, print_json, the_database
from atlas_otel.cli.progress import removal_bar
from atlas_otel.cli.spool import SpoolDir
from atlas_otel.errors import ConfigError, UsageError

app = command_app()


@app.command(
    help="Delete sessions for good: records, rows, events, what was refused, what waits in this user's spool. Whatever "
    "comes of them later is let go. All conditions that are given must hold. Sessions that were opened inside of one "
    "(new=True) go with it. A run that is broken off goes on with the next one, or with --resume."
)
def delete(
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A session, as other commands name it. May be repeated."),
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Sessions of this user (user_id).")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Sessions whose metadata says so, as text. May be repeated."),
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="Sessions that began before this date or time (ISO 8601).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Only finish what an earlier run left.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was done as JSON, for who asked for it.")
    ] = None,
    database_url: DatabaseUrl = None,
    spool_dir: SpoolDir = None,
    quiet: Quiet = False,
) -> None:
    """Select, then bury and remove, then say what is gone."""
    import orjson

    from atlas_otel.postgres import deletion
    from atlas_otel.postgres.erasure import erase
    from atlas_otel_exporters.datasets.register import datasets_holding

    url = the_database(database_url)
    wanted = deletion.Selection(
        sessions=session or (),
        user=user,
        metadata=dict(_pair(one) for one in metadata or ()),
        before=moment(before) if before is not None else None,
    )
    if resume and wanted.states_something:
        raise UsageError("--resume finishes what an earlier run left: it takes no sessions")
    doomed = [] if resume else deletion.select(url, wanted)
    trained = datasets_holding(url, [d.id for d in doomed if d.id is not None], [d.key for d in doomed if d.key])
    datasets = [{"name": name, "folder": folder} for name, folder in dict.fromkeys((d.name, d.folder) for d in trained)]
    if dry_run:
        keys = [one.key or f"row {one.id}" for one in doomed]
        print_json({"keys": keys, **deletion.count(url, doomed), "datasets": datasets})
        return
    with removal_bar("deleting", shown=sys.stderr.isatty() and not quiet) as progress:
        done = erase(url, doomed, spool=spool_dir, progress=progress)
    if report is not None:
        try:
            told = {**done.to_json(), "datasets": datasets}
            report.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            raise ConfigError(f"deleted, but the report {report} cannot be written: {error.strerror}") from None
    if not quiet:
        for what, number in sorted(done.removed.items()):
            typer.echo(f"{what}: {number}")
        if not done.removed:
            typer.echo("nothing to delete")
    for dataset in datasets:
        typer.echo(f"rows of it stay in the dataset {dataset['name']}, made in {dataset['folder']}", err=True)
    if done.waiting:
        typer.echo(
            f"{done.waiting} records wait with living processes: what is deleted of them is let go as they are stored",
            err=True,
        )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--metadata is KEY=VALUE, not {text!r}")
    return name, value
