"""The reference of all commands, made from the commands: ``python -m atlas_otel.cli.reference >docs/reference/cli.md``.

A test compares the file with the code.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import typer

from atlas_otel.cli import COMMANDS, PROGRAM
from atlas_otel.cli.group import load, root_command

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = f"""# Commands

<!-- Made by `python -m atlas_otel.cli.reference`. -->

`{PROGRAM} COMMAND …`, or `python -m atlas_otel COMMAND …`. Standard output holds a command's result, standard error
everything else. Exit codes: 0 done, 1 failed (or nothing to export, a schema that is not up to date), 2 a wrong call.
An error is one line on standard error. No message holds a password.
"""


def reference() -> str:
    """All commands with their arguments and options, as Markdown."""
    parts = [_HEAD, *_command(PROGRAM, root_command(), with_commands=False)]
    for command in COMMANDS:
        parts += _command(f"{PROGRAM} {command.name}", load(command), with_commands=True)
    return "\n".join(parts)


def _command(name: str, command: Any, *, with_commands: bool) -> Iterator[str]:
    yield f"## {name}\n"
    if command.help:
        yield inspect.cleandoc(command.help) + "\n"
    rows = [row for param in command.params if (row := _row(param))]
    if rows:
        yield "| | |\n|---|---|\n" + "\n".join(rows) + "\n"
    if with_commands:
        for inner_name, inner in getattr(command, "commands", {}).items():
            yield from _command(f"{name} {inner_name}", inner, with_commands=True)


def _row(param: Any) -> str:
    if param.name == "help":
        return ""
    named = ", ".join(param.opts) if param.param_type_name == "option" else ""
    if param.secondary_opts:
        named += " / " + ", ".join(param.secondary_opts)
    value = "" if getattr(param, "is_flag", False) else param.metavar or param.name.upper()
    shown = f"`{f'{named} {value}'.strip()}`" + (" (required)" if param.required else "")
    default = param.default
    told = isinstance(default, (int, float, str)) and not isinstance(default, bool) and default != ""
    said = f"{param.help or ''}" + (f" [default: {default}]" if told and param.show_default else "")
    cells = [cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for cell in (shown, said)]
    return f"| {cells[0]} | {cells[1]} |"


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
