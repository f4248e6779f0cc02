"""``atlas-otel verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, Jobs, command_app, the_database
from atlas_otel.console.plain_text import clean

if TYPE_CHECKING:
    from atlas_otel_exporters.differences import Difference

app = command_app()


@app.command()
def verify(
    database_url: DatabaseUrl = None,
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="SESSION", help="Only this session, by any of its names. May be repeated. [default: all]"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Compare this file too, which `export` wrote (format atlas; .gz and .zst too)."
        ),
    ] = None,
    jobs: Jobs = 1,
    most: Annotated[int, typer.Option(metavar="N", min=1, help="Print at most this many differences.")] = 100,
) -> None:
    """Compare records, rows and an exported file, and name each difference.

    A session's rows are held against what its records come to, and its last line in FILE against what an export would
    write now. Columns of reviewers are theirs, and rows that other programs added are not looked at. A session whose
    rows are still to follow its records, as those of a running agent may be for a moment, is counted and not compared.
    Differences go to standard output, one a line; `atlas-otel rebuild` mends those of the database. Exit code 1 where
    there is one.
    """
    from atlas_otel.postgres.sessions import keys_of
    from atlas_otel_exporters.verify import verify_database, verify_file

    url = the_database(database_url)
    keys = keys_of(url, session or [])
    found = _Found(most)
    compared = waiting = archived = lines = 0
    for verified in verify_database(url, keys, jobs=jobs):
        waiting += verified.waits
        archived += verified.archived
        compared += not (verified.waits or verified.archived)
        found.tell(verified.differences)
    for differences in verify_file(url, file, frozenset(keys) if session else None) if file is not None else ():
        lines += 1
        found.tell(differences)
    told = f"compared {compared} sessions" + (f" and {lines} lines" if file is not None else "")
    wait = f"; {waiting} sessions wait for their rows, and were not compared" if waiting else ""
    away = f"; the records of {archived} are in a lake: see atlas-otel lake verify" if archived else ""
    typer.echo(f"{told}: {found.count} differences{wait}{away}", err=True)
    if found.count:
        raise typer.Exit(1)


class _Found:
    """Prints the first differences and counts all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0

    def tell(self, differences: list[Difference]) -> None:
        for difference in differences:
            self.count += 1
            if self.count <= self._most:
                typer.echo(clean(str(difference)))
