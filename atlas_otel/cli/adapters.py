"""``atlas-otel adapters``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from atlas_otel.cli.options import command_app
from atlas_otel.runtime.assembly import Assembly
from atlas_otel.runtime.describe import describe as describe_adapter

if TYPE_CHECKING:
    from atlas_otel.runtime.describe import Description

app = command_app("See how an agent's adapter is understood.")


@app.callback()
def _group() -> None:
    """See how an agent's adapter is understood."""


@app.command()
def describe(
    config: Annotated[Path, typer.Option(metavar="FILE", help="The config that names the agent.")],
    task: Annotated[str, typer.Option(metavar="T", help="The task for the handshake.")] = "describe",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Open a session of the adapter, and print what it negotiates, which lane a task would take, and why.

    Nothing is recorded, and no model is asked.
    """
    found = asyncio.run(describe_adapter(Assembly.read(config), task))
    if as_json:
        typer.echo(orjson.dumps(found.to_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(found)


def _print(found: Description) -> None:
    reported, effective = found.reported.model_dump(), found.effective.model_dump()
    typer.echo(f"{found.agent}: {', '.join(found.hooks)}")
    for name, value in effective.items():
        said = reported[name]
        overridden = "" if said == value else f"  (the adapter said {said}; agent.behavior overrides)"
        typer.echo(f"  {name}: {value}{overridden}")
    if found.events_while_opening:
        dropped = "" if found.effective.telemetry_stream else ", which would be dropped: telemetry_stream is false"
        typer.echo(f"  events while opening: {found.events_while_opening}{dropped}")
    values = found.to_json()
    typer.echo(f"lane: {values['lane']}: {found.reason}")
    does = [name for name in ("plans", "validates", "retries") if values[name]]
    typer.echo(f"  Atlas {', '.join(does) if does else 'neither plans, validates nor retries'}")
