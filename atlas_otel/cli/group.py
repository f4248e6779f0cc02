"""The group at the top of the command line, which loads a command's module when that command is run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from atlas_otel import __version__
from atlas_otel.cli import COMMANDS, PROGRAM

if TYPE_CHECKING:
    from atlas_otel.cli import Command

_BY_NAME = {command.name: command for command in COMMANDS}


class LazyGroup(TyperGroup):
    """Lists commands from :data:`atlas_otel.cli.COMMANDS`, and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return [command.name for command in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What help needs of a command: its name and summary. Nothing is imported."""
        command = _BY_NAME.get(cmd_name)
        return None if command is None else TyperCommand(command.name, help=command.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, for running it."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name not in _BY_NAME else load(_BY_NAME[name]), rest


def load(command: Command) -> Any:
    """Import the command's module and make a command of its ``app``."""
    module = import_module(f"atlas_otel.cli.{command.module}")
    loaded = get_command(module.app)
    loaded.name = command.name
    return loaded


def root_command() -> Any:
    """``atlas-otel`` as a command object."""
    app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, add_completion=False, no_args_is_help=True)
    app.callback()(_root)
    return get_command(app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Record an agent's run once, as OpenTelemetry spans: see it, query it, train on it."""
