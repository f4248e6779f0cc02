"""``atlas-otel refused``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer

from atlas_otel.cli.options import AsJson, DatabaseUrl, command_app, print_json, the_database
from atlas_otel.cli.spool import SpoolDir
from atlas_otel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atlas_otel.records.record import Record

app = command_app("See which records no database took and why; store them after all, or drop them.")

Ids: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="As `refused list` names them.", show_default=False)
]
All: TypeAlias = Annotated[bool, typer.Option("--all", help="All of them.")]
_IN_DATABASE = "db:"
_IN_SPOOL = "spool:"


class _Refused(NamedTuple):
    id: str
    reason: str
    refused_at: str | None
    record: Record | None
    stored: bytes

    @property
    def what(self) -> str:
        record = self.record
        if record is None:
            return "a record that cannot be decoded"
        kind = type(record).__name__.removesuffix("Record").lower()
        return f"{kind} {record.trace_id}/{record.span_id} {record.name}"


@app.command("list")
def list_(database_url: DatabaseUrl = None, spool_dir: SpoolDir = None, json: AsJson = False) -> None:
    """Name the records that were set aside: in the database, which refused their data, and in this user's spool, where
    no store took them. Shows no content, and of the reason the first line."""
    found = _found(the_database(database_url), spool_dir)
    if json:
        print_json([{"id": one.id, "what": one.what, "reason": one.reason, "at": one.refused_at} for one in found])
        return
    for one in found:
        typer.echo(f"{one.id}  {one.what}: {_first_line(one.reason)}")
    if not found:
        typer.echo("no record was refused")


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `refused list` names it.")],
    database_url: DatabaseUrl = None,
    spool_dir: SpoolDir = None,
) -> None:
    """Show one record whole, with the reason."""
    (one,) = _named(_found(the_database(database_url), spool_dir), [id])
    typer.echo(f"{one.what}\nrefused: {one.refused_at or 'at an unknown time'}\nreason: {one.reason}")
    typer.echo(one.stored.decode(errors="replace"))


@app.command()
def replay(ids: Ids = None, all_: All = False, database_url: DatabaseUrl = None, spool_dir: SpoolDir = None) -> None:
    """Store records after all, once what they were refused for is mended. Those that are stored are no longer listed.

    Exit code 1 where one is refused again, or cannot be decoded: it stays.
    """
    from atlas_otel.postgres.store import PostgresStore

    url = the_database(database_url)
    stored: list[str] = []
    chosen = _chosen(url, spool_dir, ids, all_)
    with PostgresStore(url) as store:
        for one in chosen:
            if one.record is None:
                typer.echo(f"{one.id} stays: it cannot be decoded", err=True)
                continue
            refused = store.write([one.record], keep_refused=False).poisoned
            if refused:
                typer.echo(f"{one.id} stays: {_first_line(refused[0].reason)}", err=True)
                continue
            stored.append(one.id)
        _remove(url, spool_dir, stored)
        while store.project():
            pass
    typer.echo(f"stored {len(stored)} of {len(chosen)} records")
    if len(stored) < len(chosen):
        raise typer.Exit(1)


@app.command()
def drop(ids: Ids = None, all_: All = False, database_url: DatabaseUrl = None, spool_dir: SpoolDir = None) -> None:
    """Delete records that were set aside. They are gone for good."""
    url = the_database(database_url)
    dropped = _remove(url, spool_dir, [one.id for one in _chosen(url, spool_dir, ids, all_)])
    typer.echo(f"dropped {dropped} records")


def _found(url: str, spool_dir: Path | None) -> list[_Refused]:
    from atlas_otel.delivery.refused import read_refused
    from atlas_otel.postgres.refused import read_poison

    return [
        *(
            _Refused(f"{_IN_DATABASE}{one.id}", one.reason, one.refused_at.isoformat(), one.record, one.stored)
            for one in read_poison(url)
        ),
        *(
            _Refused(f"{_IN_SPOOL}{one.id}", one.reason, None, one.record, one.stored)
            for one in read_refused(_folder(url, spool_dir))
        ),
    ]


def _chosen(url: str, spool_dir: Path | None, ids: Sequence[str] | None, all_: bool) -> list[_Refused]:
    if bool(ids) == all_:
        raise UsageError("name the records, or give --all")
    found = _found(url, spool_dir)
    return found if all_ else _named(found, ids or ())


def _named(found: Sequence[_Refused], ids: Sequence[str]) -> list[_Refused]:
    by_id = {one.id: one for one in found}
    for name in ids:
        if name not in by_id:
            raise UsageError(f"no record was set aside as {name}: `atlas-otel refused list` names them")
    return [by_id[name] for name in dict.fromkeys(ids)]


def _remove(url: str, spool_dir: Path | None, ids: Sequence[str]) -> int:
    from atlas_otel.delivery.refused import remove_refused
    from atlas_otel.postgres.refused import remove_poison

    rows = [int(one.removeprefix(_IN_DATABASE)) for one in ids if one.startswith(_IN_DATABASE)]
    lines = {one.removeprefix(_IN_SPOOL) for one in ids if one.startswith(_IN_SPOOL)}
    removed = remove_poison(url, rows) if rows else 0
    return removed + (remove_refused(_folder(url, spool_dir), lines) if lines else 0)


def _folder(url: str, spool_dir: Path | None) -> Path:
    from atlas_otel.delivery.spool_folder import default_root, target_folder
    from atlas_otel.postgres.dsn import describe

    return target_folder(spool_dir or default_root(), describe(url))


def _first_line(reason: str) -> str:
    return reason.strip().partition("\n")[0][:200]
