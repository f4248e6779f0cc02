"""Options on which sessions are taken, which ``export`` and ``dataset create`` share."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from atlas_otel.cli.options import moment
from atlas_otel.cli.settings import review_settings
from atlas_otel_exporters import review_statuses

ReviewConfig: TypeAlias = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A YAML file whose runtime_safety.review is used."),
]
SessionNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--session-id", metavar="SESSION", help="Only this session, by any of its names. May be repeated."),
]
Limit: TypeAlias = Annotated[int | None, typer.Option(metavar="N", min=0, help="At most this many sessions.")]
Statuses: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--status", metavar="STATUS", help="Only running, succeeded or failed. May be repeated."),
]
IncludeStatuses: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--include-status",
        metavar="STATUS",
        help="This review status too, besides the default ones. May be repeated.",
    ),
]
IncludeAllStatuses: TypeAlias = Annotated[bool, typer.Option("--include-all-statuses", help="Every review status.")]
Since: TypeAlias = Annotated[
    datetime | None,
    typer.Option("--since", parser=moment, metavar="TIME", help="Only sessions created at TIME or later."),
]
Until: TypeAlias = Annotated[
    datetime | None,
    typer.Option("--until", parser=moment, metavar="TIME", help="Only sessions created before TIME."),
]
MinReward: TypeAlias = Annotated[
    float | None,
    typer.Option("--min-reward", metavar="NUMBER", help="Only sessions with a reward of at least this."),
]
LearningKey: TypeAlias = Annotated[
    str | None, typer.Option("--learning-key", metavar="KEY", help="Only sessions with this learning key.")
]


def statuses_asked_for(include: list[str] | None, *, include_all: bool, config: Path | None) -> frozenset[str] | None:
    """The review statuses that these options and the review settings let through; None is every one."""
    return review_statuses(
        include=include or (), include_all=include_all, settings=review_settings(config), env=os.environ
    )
