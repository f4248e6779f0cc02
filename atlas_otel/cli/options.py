"""Options that several commands have, said once."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Final, TypeAlias

import typer

from atlas_otel.errors import ConfigError
from atlas_otel.postgres.dsn import ENV_DATABASE_URL, database_url_from

DatabaseUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help=f"A Postgres URL, embedded, or embedded:<folder>. [default: {ENV_DATABASE_URL}]",
        show_default=False,
    ),
]
SESSION_HELP: Final = (
    "A session: its number, its key or the beginning of one, or the id of its trace or of one of its spans."
)
SessionName: TypeAlias = Annotated[str, typer.Argument(metavar="SESSION", help=SESSION_HELP)]
SessionNames: TypeAlias = Annotated[list[str], typer.Argument(metavar="SESSION...", help=SESSION_HELP)]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON value instead of text.")]
Jobs: TypeAlias = Annotated[
    int, typer.Option("--jobs", "-j", metavar="N", min=1, max=64, help="How many processes work side by side.")
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]


def command_app(summary: str | None = None) -> typer.Typer:
    """The Typer of a command's module. Plain help: rich's cuts long option names, and costs an import."""
    return typer.Typer(help=summary, rich_markup_mode=None, add_completion=False, no_args_is_help=summary is not None)


def the_database(argument: str | None) -> str:
    """The database URL that a command is to use. Raises ConfigError where none is named."""
    url = database_url_from(argument, os.environ)
    if url is None:
        raise ConfigError(f"no database given: use --database-url or set {ENV_DATABASE_URL}")
    return url


def print_json(value: object) -> None:
    """Print ``value`` as one JSON value, indented; times in ISO 8601."""
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def moment(text: str) -> datetime:
    """A date or a time in ISO 8601; UTC where it names no zone."""
    try:
        # Python 3.10's fromisoformat does not know the Z.
        parsed = datetime.fromisoformat(
            text.strip().removesuffix("Z") + ("+00:00" if text.strip().endswith("Z") else "")
        )
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a date or time, such as 2025-10-01 or 2025-10-01T12:00:00Z"
        ) from None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=timezone.utc)


_DURATION: Final = re.compile(r"(\d{1,9})\s*(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """A length of time such as ``90s``, ``30m``, ``1h`` or ``2d``."""
    parsed = _DURATION.fullmatch(text.strip().lower())
    if parsed is None:
        raise typer.BadParameter(f"{text!r} is not a length of time, such as 90s, 30m, 1h or 2d")
    return timedelta(**{_UNITS[parsed[2]]: int(parsed[1])})
