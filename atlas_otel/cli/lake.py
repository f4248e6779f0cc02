"""``atlas-otel lake``."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlas_otel.cli.lake_build import build
from atlas_otel.cli.lake_options import Catalog, LakeUrl, the_lake
from atlas_otel.cli.options import DatabaseUrl, Quiet, SessionNames, command_app, duration, print_json, the_database

if TYPE_CHECKING:
    from atlas_otel.lake.archive import Progress

app = command_app("Move old records to a lake on a disk or an object store, and build training data from it.")
app.command("build")(build)


@app.command()
def archive(
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="How long nothing must have come to a session: 30d, 12h.")
    ],
    lake: LakeUrl = None,
    catalog: Catalog = None,
    database_url: DatabaseUrl = None,
    drop_rows: Annotated[
        bool,
        typer.Option("--drop-rows", help="Let the contract's rows of sessions whose review is over go as well."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Move the records of sessions that have been quiet for so long from the database to the lake.

    Each session is copied, read back and compared before anything of it is removed. After an interruption, the next
    run continues. The contract's rows remain for review and export, unless --drop-rows. Late records for a session in
    the lake wait in the database: this command brings the session back, computes it and archives it again.
    """
    from atlas_otel.lake.archive import archive as move
    from atlas_otel.lake.table import open_lake

    url = the_database(database_url)
    with (
        open_lake(the_lake(lake), catalog, database=url, create=True) as opened,
        _counted("archiving", shown=sys.stderr.isatty() and not quiet) as shown,
    ):
        done = move(url, opened, duration(older_than), drop_rows=drop_rows, now_ns=time.time_ns(), progress=shown)
    if done is None:
        typer.echo("another process archives this database", err=True)
        raise typer.Exit(1)
    for key, why in done.left.items():
        typer.echo(f"session {key} stays: {why}", err=True)
    if done.strange_clocks:
        typer.echo(
            f"{done.strange_clocks} records are dated after now: the clock of who made them, or this machine's, is off",
            err=True,
        )
    if not quiet:
        typer.echo(
            f"archived {done.archived} sessions: {done.spans} spans, {done.events} events"
            + (f"; {done.returned} of them had been there and got something late" if done.returned else "")
        )
        if done.removed.get("rows"):
            typer.echo(f"the contract's rows of {done.removed['rows']} reviewed sessions are gone")


@app.command()
def restore(
    session: SessionNames,
    lake: LakeUrl = None,
    catalog: Catalog = None,
    database_url: DatabaseUrl = None,
    quiet: Quiet = False,
) -> None:
    """Bring sessions back from the lake into the database, as they were.

    By key, by the number that its row had, or by the id of a trace. Sessions that share a trace come together. They
    stay in the lake as well, and are archived again once they are old enough.
    """
    from atlas_otel.lake.archive import restore as bring_back
    from atlas_otel.lake.lookup import archived_keys
    from atlas_otel.lake.table import open_lake

    url = the_database(database_url)
    with open_lake(the_lake(lake), catalog, database=url) as opened:
        keys = bring_back(url, opened, archived_keys(url, session))
    if not quiet:
        for key in keys:
            typer.echo(key)
        typer.echo(f"brought back {len(keys)} sessions", err=True)


@app.command()
def compact(lake: LakeUrl = None, catalog: Catalog = None, quiet: Quiet = False) -> None:
    """Join small files, merge records that are in the lake more than once, leave out deleted ones.

    From cron, while others write and read. The files before stay until `lake expire`.
    """
    from atlas_otel.lake.maintenance import compact as join
    from atlas_otel.lake.table import open_lake

    with open_lake(the_lake(lake), catalog) as opened:
        done = join(opened)
    if not quiet:
        typer.echo(
            f"{done.files_before} files became {done.files_after}; {done.merged} copies merged, "
            f"{done.deleted} rows of deleted sessions left out"
        )


@app.command()
def expire(
    keep: Annotated[
        str, typer.Option(metavar="TIME", help="How long a reader may keep reading an older snapshot: 1d.")
    ] = "1d",
    older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Before that, remove sessions to which nothing came for so long: 365d."),
    ] = None,
    lake: LakeUrl = None,
    catalog: Catalog = None,
    quiet: Quiet = False,
) -> None:
    """Drop old snapshots, and remove files that nothing refers to.

    Files of writers that never committed go when they are three days old.
    """
    from datetime import datetime, timezone

    from atlas_otel.lake.erasing import retain
    from atlas_otel.lake.maintenance import expire as let_go
    from atlas_otel.lake.table import open_lake

    with open_lake(the_lake(lake), catalog) as opened:
        if older_than is not None:
            gone = retain(opened, datetime.now(timezone.utc) - duration(older_than))
            if not quiet:
                typer.echo(f"{gone['spans']} spans and {gone['span_events']} events had their time")
        done = let_go(opened, duration(keep))
    if not quiet:
        typer.echo(f"{done.snapshots} snapshots let go; {done.files} files removed, {done.bytes} bytes")


@app.command()
def verify(
    lake: LakeUrl = None,
    catalog: Catalog = None,
    database_url: Annotated[
        str | None,
        typer.Option("--database-url", metavar="URL", help="Compare with what this database archived, too."),
    ] = None,
) -> None:
    """Read every file of the lake: is it there, whole, and made of records? Each fault is a line; exit code 1 for any.

    With a database, each session that it archived is compared by count and hash, and its rows, where they stay, with
    what the records come to.
    """
    from atlas_otel.lake.checking import verify_archived
    from atlas_otel.lake.maintenance import verify_tables
    from atlas_otel.lake.table import open_lake

    count = 0
    with open_lake(the_lake(lake), catalog, database=database_url) as opened:
        for fault in verify_tables(opened):
            count += 1
            typer.echo(str(fault))
        for fault in verify_archived(database_url, opened) if database_url is not None else ():
            count += 1
            typer.echo(str(fault))
    typer.echo(f"{count} faults", err=True)
    if count:
        raise typer.Exit(1)


@app.command()
def delete(
    session: Annotated[list[str] | None, typer.Option(metavar="KEY", help="A session's key. May be repeated.")] = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="Sessions of this user (user_id).")] = None,
    lake: LakeUrl = None,
    catalog: Catalog = None,
) -> None:
    """Delete sessions for good from a lake that no database goes with; else use `atlas-otel delete`.

    Rows, files and every snapshot that holds them are removed; later records of them are dropped.
    """
    from atlas_otel.errors import UsageError
    from atlas_otel.lake.erasing import erase, owners_of_user
    from atlas_otel.lake.table import open_lake

    if not session and user is None:
        raise UsageError("say which sessions: --session or --user")
    with open_lake(the_lake(lake), catalog) as opened:
        keys = [*(session or []), *(owners_of_user(opened, user) if user is not None else ())]
        done = erase(opened, keys)
    print_json(done.to_json())


def _counted(what: str, *, shown: bool) -> Any:
    """A line on stderr that counts; nothing where nobody looks."""
    if not shown:
        return nullcontext(lambda _: None)

    def show(progress: Progress) -> None:
        print(f"\r{what}: {progress.sessions} sessions, {progress.records} records", end="", file=sys.stderr)  # noqa: T201

    class _Ends:
        def __enter__(self) -> Any:
            return show

        def __exit__(self, *_: object) -> None:
            print(file=sys.stderr)  # noqa: T201

    return _Ends()
