"""``atlas-otel mcp``."""

from __future__ import annotations

import os
import secrets
from typing import Annotated, Final

import typer

from atlas_otel.cli.options import DatabaseUrl, command_app, the_database

ENV_TOKEN: Final = "ATLAS_OTEL_MCP_TOKEN"  # noqa: S105  (its name)

app = command_app()


@app.command()
def mcp(
    database_url: DatabaseUrl = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve HTTP at /mcp instead of standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="With --http: a loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="With --http: the port.")] = 4330,
    review: Annotated[
        bool, typer.Option("--review", help="Also let the assistant approve, quarantine and note; each is marked.")
    ] = False,
) -> None:
    """Let a coding assistant look at recorded runs, over the Model Context Protocol (MCP): read only by default."""
    from atlas_otel.mcp.server import serve_http, serve_stdio

    url = the_database(database_url)
    if not http:
        serve_stdio(url, review=review)
        return
    token = os.environ.get(ENV_TOKEN)
    if not token:
        token = secrets.token_urlsafe(24)
        typer.echo(f"Authorization: Bearer {token}", err=True)
        typer.echo(f"(made for this run; set {ENV_TOKEN} to choose one)", err=True)
    typer.echo(f"serving http://{host}:{port}/mcp", err=True)
    serve_http(url, host=host, port=port, token=token, review=review)
