"""What commands that read rows do first: compute those that are behind their records, and say how many still are."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Strict: TypeAlias = Annotated[
    bool, typer.Option("--strict", help="Exit code 1 where sessions are still behind their records.")
]


def catch_up_first(url: str, *, strict: bool) -> bool:
    """Bring rows up to date, and wait 30 s at most for other processes; whether the command has failed at its end."""
    from atlas_otel.postgres.catch_up import catch_up

    return say_behind(catch_up(url), strict=strict)


def say_behind(behind: int, *, strict: bool) -> bool:
    """Say how many sessions' rows are still to be computed; whether the command has failed with that."""
    if behind:
        typer.echo(f"{behind} sessions are missing or old: their rows are still to be computed", err=True)
    return strict and behind > 0
