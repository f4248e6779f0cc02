"""Options of commands that a lake takes part in, said once."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

import typer

from atlas_otel.errors import ConfigError
from atlas_otel.lake.location import ENV_CATALOG, ENV_LAKE

LakeUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--lake", metavar="URL", help=f"A folder, or s3://bucket/prefix. [default: {ENV_LAKE}]", show_default=False
    ),
]
Catalog: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        metavar="URL",
        help="What names the lake's current files: a Postgres URL, or the path of a SQLite file. "
        f"[default: {ENV_CATALOG}, else catalog.db in the lake's folder, else the database]",
        show_default=False,
    ),
]


def the_lake(argument: str | None) -> str:
    """The lake that a command is to use. Raises ConfigError where none is named."""
    url = (argument or os.environ.get(ENV_LAKE) or "").strip()
    if not url:
        raise ConfigError(f"no lake given: use --lake or set {ENV_LAKE}")
    return url
