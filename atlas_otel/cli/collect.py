"""``atlas-otel collect``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from atlas_otel.cli.lake_options import Catalog
from atlas_otel.cli.options import DatabaseUrl, command_app, duration, the_database
from atlas_otel.errors import ConfigError, UsageError

ENV_TOKEN: Final = "ATLAS_OTEL_COLLECT_TOKEN"  # noqa: S105  (its name)

app = command_app()


@app.command(
    help="Take traces over OTLP/HTTP (POST /v1/traces, protobuf or JSON) into the database, until SIGTERM or Ctrl-C. "
    "A sender is answered once its spans are in the spool, or committed (--durability memory)."
)
def collect(
    database_url: DatabaseUrl = None,
    lake: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Write into this lake instead of a database: a folder, or s3://bucket/prefix."
        ),
    ] = None,
    catalog: Catalog = None,
    lake_every: Annotated[
        str, typer.Option(metavar="TIME", help="With --lake: how long records gather before they are committed.")
    ] = "30s",
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen. Beyond loopback, a token is asked for.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="0: any free one.")] = 4320,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Holds the bearer token that senders must show. [default: {ENV_TOKEN}]"),
    ] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Ask each sender for a token of its own: see atlas-otel tokens.")
    ] = False,
    insecure_no_token: Annotated[
        bool, typer.Option("--insecure-no-token", help="Let anybody who reaches the port write.")
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Serve HTTPS with this certificate (PEM).")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's private key (PEM).")] = None,
    durability: Annotated[
        str | None, typer.Option(metavar="MODE", help="spool or memory. [default: ATLAS_OTEL_DURABILITY, else spool]")
    ] = None,
    max_body_mib: Annotated[
        int, typer.Option(metavar="N", min=1, max=1024, help="The largest body, sent and unpacked, in MiB.")
    ] = 64,
    max_decoded_mib: Annotated[
        int,
        typer.Option(
            metavar="N", min=64, help="The most that bodies at one time may decode to, in each worker, in MiB."
        ),
    ] = 1024,
    max_connections: Annotated[
        int, typer.Option(metavar="N", min=1, help="Connections of each worker; silent ones make room for new ones.")
    ] = 512,
    max_peer_connections: Annotated[
        int, typer.Option(metavar="N", min=1, help="The same, of one address. Behind a proxy: as many as in all.")
    ] = 256,
    health_port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help="The port of the health endpoint. [default: the one after --port, if free]",
        ),
    ] = None,
    retain_records: Annotated[
        str | None, typer.Option(metavar="TIME", help="Remove records after so long, each hour: as db retain does.")
    ] = None,
    retain_contract: Annotated[
        str | None, typer.Option(metavar="TIME", help="Delete whole sessions after so long, each hour.")
    ] = None,
    spool_mib: Annotated[
        int,
        typer.Option(
            metavar="N", min=8, help="The most that may wait in files while the database is unreachable, in MiB."
        ),
    ] = 1024,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Processes that share the port, for more than one core.")
    ] = 1,
) -> None:
    """Settings from the environment, as in an agent; then the server, until it is asked to stop."""
    from atlas_otel import settings
    from atlas_otel.collect.command import collect as serve
    from atlas_otel.collect.options import CollectOptions
    from atlas_otel.collect.server import log_to_stderr

    log_to_stderr()
    if durability not in (None, "spool", "memory"):
        raise UsageError(f"--durability is spool or memory, not {durability!r}")
    in_force = settings.resolve({"durability": durability}, os.environ)
    if durability is not None:  # also where it says what is the default, against the environment
        in_force = replace(in_force, durability="spool" if durability == "spool" else "memory")
    destination = None
    if lake is not None:
        from atlas_otel.lake.collecting import LakeDestination

        destination = LakeDestination(lake, catalog, duration(lake_every).total_seconds())
    else:
        in_force = replace(in_force, database_url=the_database(database_url or in_force.database_url))
    serve(
        in_force,
        CollectOptions(
            host=host,
            port=port,
            token=_token(token_file),
            tokens=tokens,
            insecure=insecure_no_token,
            tls_cert=tls_cert,
            tls_key=tls_key,
            max_body_bytes=max_body_mib * 1024 * 1024,
            max_held_bytes=4 * max_body_mib * 1024 * 1024,
            max_decoded_bytes=max_decoded_mib * 1024 * 1024,
            max_connections=max_connections,
            max_peer_connections=max_peer_connections,
            health_port=health_port,
            retain_records=None if retain_records is None else duration(retain_records),
            retain_contract=None if retain_contract is None else duration(retain_contract),
            spool_bytes=spool_mib * 1024 * 1024,
            workers=workers,
            destination=destination,
        ),
        typer.echo,
    )


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(ENV_TOKEN) or None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"cannot read the token file {file}: {reason}") from None
    if not token:
        raise ConfigError(f"the token file {file} is empty")
    return token
