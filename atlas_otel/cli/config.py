"""``atlas-otel config``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from atlas_otel.cli.options import command_app
from atlas_otel.config_file import load_config
from atlas_otel.errors import ConfigError

app = command_app("Check a config file, and get its schema for an editor.")


@app.command()
def check(files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Config files.")]) -> None:
    """Read config files and say what is wrong with them, by line and key; exit code 2 where something is."""
    broken = False
    for file in files:
        try:
            loaded = load_config(file)
        except ConfigError as error:
            broken = True
            typer.echo(str(error), err=True)
            continue
        unused = f" (not used: {', '.join(loaded.unused)})" if loaded.unused else ""
        typer.echo(f"{file}: right{unused}")
    if broken:
        raise typer.Exit(2)


@app.command()
def schema() -> None:
    """Print the JSON schema of a config file."""
    from atlas_otel.runtime.config_schema import config_schema

    typer.echo(orjson.dumps(config_schema(), option=orjson.OPT_INDENT_2).decode())
