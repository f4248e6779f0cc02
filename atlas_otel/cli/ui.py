"""``atlas-otel ui``."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli.options import DatabaseUrl, command_app, the_database
from atlas_otel.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from atlas_otel.models.rubric import RubricConfig
    from atlas_otel.ui.options import User
    from atlas_otel.ui.shapes.setup import Role

app = command_app()


@app.command(
    help="Open the page on which people review what trains, and see how agents do; until Ctrl-C. It is served to this "
    "machine alone, unless --host says otherwise."
)
def ui(
    database_url: DatabaseUrl = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen. Beyond loopback, users have to say who they are.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="0: any free one.")] = 4340,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser; only say the address.")] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A YAML file whose runtime_safety.review.rubric is used.")
    ] = None,
    datasets: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of datasets; without it, none can be made.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Who reviews, on loopback. [default: this user]", show_default=False),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Who may do what: a line each, NAME view|review|admin TOKEN."),
    ] = None,
    user_header: Annotated[
        str | None, typer.Option(metavar="HEADER", help="The header in which a reverse proxy in front names the user.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=ROLE", help="With --user-header: what a user may. May be repeated."),
    ] = None,
    default_role: Annotated[
        str, typer.Option(metavar="view|review|admin", help="With --user-header: what all others may.")
    ] = "view",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="A name under which the page is asked for. May be repeated."),
    ] = None,
) -> None:
    """The options, checked; then the server, until it is asked to stop."""
    from atlas_otel import settings
    from atlas_otel.ui.options import UiOptions
    from atlas_otel.ui.server import serve
    from atlas_otel_exporters.review import this_user

    options = UiOptions(
        database_url=the_database(database_url),
        host=host,
        port=port,
        user=name or this_user(),
        tokens=_tokens(token_file),
        user_header=user_header,
        roles=dict(_role_of(one) for one in role or ()),
        default_role=_role(default_role),
        allowed_hosts=tuple(allow_host or ()),
        jaeger_url=settings.resolve({}, os.environ).jaeger_url or None,
        datasets=datasets,
        rubric=_rubric(config),
    )

    def listening(address: str) -> None:
        typer.echo(f"the page is at {address} (Ctrl-C ends it)")
        if not no_open:
            webbrowser.open(address)

    serve(options, listening)


def _tokens(path: Path | None) -> dict[str, User]:
    from atlas_otel.ui.options import users_of

    if path is None:
        return {}
    try:
        return users_of(path.read_text("utf-8"), f"the token file {path}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read the token file {path}: {reason}") from None


def _role_of(text: str) -> tuple[str, Role]:
    name, separator, role = text.rpartition("=")
    if not separator or not name:
        raise UsageError(f"--role takes NAME=ROLE, not {text!r}")
    return name, _role(role)


def _role(text: str) -> Role:
    from atlas_otel.ui.options import ROLES

    for role in ROLES:
        if role == text:
            return role
    raise UsageError(f"a role is one of {', '.join(ROLES)}, not {text!r}")


def _rubric(path: Path | None) -> RubricConfig:
    from atlas_otel.cli.settings import rubric_of

    return rubric_of(path)
