"""``atlas-otel delete``."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli.lake_options import Catalog, LakeUrl
from atlas_otel.cli.options import DatabaseUrl, Quiet, command_app, moment, print_json, the_database
from atlas_otel.cli.progress import removal_bar
from atlas_otel.cli.spool import SpoolDir
from atlas_otel.errors import ConfigError, UsageError
from atlas_otel.lake.location import ENV_LAKE

if TYPE_CHECKING:
    from atlas_otel.postgres.deletion import Doomed, Selection

app = command_app()


@app.command(
    help="Delete sessions for good: records, rows, events, refused records, and those in this user's spool or in a "
    "lake. Later records of them are dropped. A session must meet all conditions. Sessions opened inside it (new=True) "
    "are deleted with it. An interrupted run continues with the next one, or with --resume."
)
def delete(
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A session, as other commands name it. May be repeated."),
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Sessions of this user (user_id).")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Sessions with this metadata, compared as text. May be repeated."),
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="Sessions that began before this date or time (ISO 8601).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Only finish what an earlier run left.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was done as JSON, for who asked for it.")
    ] = None,
    lake: LakeUrl = None,
    catalog: Catalog = None,
    database_url: DatabaseUrl = None,
    spool_dir: SpoolDir = None,
    quiet: Quiet = False,
) -> None:
    """Select, then bury and remove, then say what is gone."""
    import orjson

    from atlas_otel.lake.erasing import erase_deleted
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
    lake = lake or os.environ.get(ENV_LAKE) or None
    doomed = [] if resume else _doomed(url, wanted, lake, catalog)
    trained = datasets_holding(url, [d.id for d in doomed if d.id is not None], [d.key for d in doomed if d.key])
    datasets = [{"name": name, "folder": folder} for name, folder in dict.fromkeys((d.name, d.folder) for d in trained)]
    if dry_run:
        keys = [one.key or f"row {one.id}" for one in doomed]
        print_json({"keys": keys, **deletion.count(url, doomed), "datasets": datasets})
        return
    with removal_bar("deleting", shown=sys.stderr.isatty() and not quiet) as progress:
        done = erase(url, doomed, spool=spool_dir, progress=progress)
        lakes = erase_deleted(url, [one.key for one in doomed if one.key is not None], lake=lake, catalog=catalog)
    if report is not None:
        try:
            told = {**done.to_json(), "lakes": [one.to_json() for one in lakes], "datasets": datasets}
            report.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            raise ConfigError(f"deleted, but the report {report} cannot be written: {error.strerror}") from None
    if not quiet:
        for what, number in sorted(done.removed.items()):
            typer.echo(f"{what}: {number}")
        if not done.removed:
            typer.echo("nothing to delete")
    for one in lakes:
        typer.echo(f"lake {one.lake}: {one.spans} spans, {one.events} events, {one.files} files", err=quiet)
        if not one.gone:
            typer.echo(
                f"{one.waiting} files in {one.lake} belong to no snapshot and may hold some of it: atlas-otel lake "
                "expire removes them when they are three days old",
                err=True,
            )
    for dataset in datasets:
        typer.echo(f"rows of it stay in the dataset {dataset['name']}, made in {dataset['folder']}", err=True)
    if done.waiting:
        typer.echo(
            f"{done.waiting} records wait with living processes: what is deleted of them is let go as they are stored",
            err=True,
        )


def _doomed(url: str, wanted: Selection, lake: str | None, catalog: str | None) -> list[Doomed]:
    """The sessions that are meant: those of the database, and those that only a lake holds."""
    from atlas_otel.lake.erasing import in_lakes
    from atlas_otel.lake.lookup import find_archived
    from atlas_otel.postgres import deletion

    only_user = wanted.user if not (wanted.metadata or wanted.before or wanted.sessions) else None
    archived = in_lakes(url, wanted.sessions, only_user, lake=lake, catalog=catalog)
    gone = {name for name in wanted.sessions if name.isdigit() and find_archived(url, [name])}
    asked = replace(wanted, sessions=[name for name in wanted.sessions if name not in gone])
    found = [] if gone and not asked.states_something else deletion.select(url, asked)
    known = {one.key for one in found}
    return [*found, *(deletion.Doomed(key, None) for key in archived if key not in known)]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--metadata is KEY=VALUE, not {text!r}")
    return name, value
