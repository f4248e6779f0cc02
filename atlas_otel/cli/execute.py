"""``atlas-otel exec``."""

from __future__ import annotations

import os
import shutil
from typing import Annotated, NoReturn

import typer

from atlas_otel.autostart import environment
from atlas_otel.cli.options import DatabaseUrl, command_app
from atlas_otel.errors import UsageError

app = command_app()


@app.command(
    "exec",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    help="Run a Python program with recording and every installed instrumentation in place, unchanged: "
    "atlas-otel exec -- python agent.py. It takes this process over, with its input, output, signals and exit code.",
)
def execute(
    program: Annotated[list[str], typer.Argument(metavar="-- PROGRAM [ARGUMENT]…", help="What to run.")],
    database_url: DatabaseUrl = None,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The address to send spans to. [default: OTEL_EXPORTER_OTLP_ENDPOINT, if set]"
        ),
    ] = None,
    service_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The service's name. [default: OTEL_SERVICE_NAME]")
    ] = None,
) -> NoReturn:
    """Become the program."""
    found = shutil.which(program[0])
    if found is None:
        raise UsageError(f"{program[0]!r} is not a program that can be run")
    given = {
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_OTLP_ENDPOINT": otlp_endpoint,
        "OTEL_SERVICE_NAME": service_name,
    }
    os.execve(found, program, environment(os.environ, given))  # noqa: S606  (no shell is wanted)
