"""``atlas-otel tokens``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

import typer

from atlas_otel.cli.options import AsJson, DatabaseUrl, command_app, duration, print_json, the_database
from atlas_otel.postgres import tokens

app = command_app("Give each sender of `collect --tokens` a token of its own, and cut one off.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The sender's name, which its spans carry as atlas.sender.")]


@app.command()
def create(
    name: Name,
    govern: Annotated[
        bool, typer.Option("--govern", help="Accept review, drift, judges and capabilities from it.")
    ] = False,
    any_session: Annotated[
        bool, typer.Option("--any-session", help="It may write into sessions and traces of others.")
    ] = False,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="For how long it holds, such as 90d. [default: until revoked]")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a token, and print it: it is kept as a hash, and cannot be shown again."""
    scopes: list[tokens.Scope] = []
    if govern:
        scopes.append("govern")
    if any_session:
        scopes.append("any-session")
    lifetime = None if expires is None else duration(expires)
    typer.echo(tokens.create(the_database(database_url), name, scopes, lifetime))


@app.command("list")
def list_(database_url: DatabaseUrl = None, json: AsJson = False) -> None:
    """Name the tokens, what each may do, and until when."""
    found = tokens.read(the_database(database_url))
    if json:
        print_json([{k: v for k, v in one._asdict().items() if k != "hash"} for one in found])
        return
    now = datetime.now(timezone.utc)
    for one in found:
        state = "revoked" if one.revoked_at is not None else "good" if one.holds(now) else "expired"
        until = "" if one.expires_at is None else f", until {one.expires_at.isoformat(timespec='seconds')}"
        typer.echo(f"{one.name}  {state}{until}  {', '.join(one.scopes) or 'its own sessions'}")
    if not found:
        typer.echo("no tokens")


@app.command()
def revoke(name: Name, database_url: DatabaseUrl = None) -> None:
    """Cut a sender off, at once where the collector starts again, else within ten seconds."""
    tokens.revoke(the_database(database_url), name)
    typer.echo(f"{name} is revoked")
