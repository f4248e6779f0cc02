"""The command line ``atlas-otel``, also ``python -m atlas_otel``: it parses and calls, and holds no logic.

A command is one module of this package with a :class:`typer.Typer` named ``app``, and one line in :data:`COMMANDS`.
Modules are imported when their command is run: ``atlas-otel --help`` loads none of them.

What a command prints on standard output is its result; everything else goes to standard error. An error of our tree
is one line there, and its ``exit_code`` is what the shell gets: 2 for a wrong call, 1 for one that failed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import AtlasOtelError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM: Final = "atlas-otel"


class Command(NamedTuple):
    """One command: its name, the module of this package that has it, and its line in ``--help``."""

    name: str
    module: str
    summary: str


COMMANDS: Final[tuple[Command, ...]] = (
    Command("adapters", "adapters", "See how an agent's adapter is understood."),
    Command("collect", "collect", "Take traces over OTLP/HTTP into the database."),
    Command("config", "config", "Check a config file, and get its schema for an editor."),
    Command("dataset", "dataset", "Make datasets for training, look at them, check them."),
    Command("db", "db", "Make the database's schema, say where it stands, mark abandoned sessions."),
    Command("delete", "delete", "Delete sessions for good, with everything that was recorded of them."),
    Command("demo", "demo", "Run a small agent from start to end: recorded, stored, exported."),
    Command("diff", "diff", "Show two sessions, or two attempts at a step, side by side."),
    Command("exec", "execute", "Run a Python program with recording in place, unchanged."),
    Command("doctor", "doctor", "Check that recording works from start to end, and say what to do if not."),
    Command("export", "export", "Write recorded sessions as lines of JSON for training."),
    Command("import", "import_", "Store traces from files, or from a Jaeger."),
    Command(
        "lake", "lake", "Move old records to a lake on a disk or an object store, and build training data from it."
    ),
    Command("mcp", "mcp", "Let a coding assistant look at recorded runs, over MCP."),
    Command("project", "project", "Compute the rows of all sessions whose records have changed."),
    Command("rebuild", "rebuild", "Compute sessions' rows again from their records."),
    Command("refused", "refused", "See which records the database refused, and why; store or drop them."),
    Command("review", "review", "Look at recorded sessions, and say which ones may be trained on."),
    Command("reward", "reward", "Score a recorded session, or a step of it."),
    Command("run", "run", "Run tasks with the agent that a config names, and record them."),
    Command("sessions", "sessions", "Look at what was recorded: sessions, and each as a tree."),
    Command("spool", "spool", "See what waits in files for a database, and store what dead processes left."),
    Command("stats", "stats", "Say how agents do: success, reward, retries, tokens, latency; and what fails."),
    Command("tokens", "tokens", "Give each sender of collect a token of its own."),
    Command("ui", "ui", "Open the page: review what trains, see how agents do."),
    Command("verify", "verify", "Compare records, rows and an exported file; name each difference."),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (else ``sys.argv``) ask for; what the shell gets back."""
    from atlas_otel.cli.group import root_command

    try:
        root_command().main(args=None if arguments is None else list(arguments), prog_name=PROGRAM)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except AtlasOtelError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        if sys.stderr.isatty():  # for a person; a script gets the one line
            print(f"  more: docs/troubleshooting.md#{error.topic}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0
