"""Loads the ``.sql`` files of a package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from psycopg import sql

if TYPE_CHECKING:
    from typing import LiteralString

_PACKAGE: Final = "atlas_otel.postgres"


@cache
def statement(name: str, package: str = _PACKAGE) -> bytes:
    """The statement in ``sql/<name>.sql`` of ``package``; as bytes, which psycopg takes as they are."""
    return files(package).joinpath("sql", f"{name}.sql").read_bytes()


@cache
def composable(name: str, package: str = _PACKAGE) -> sql.SQL:
    """The statement, or the part of one, in ``sql/<name>.sql`` of ``package``, for one that is put together."""
    text: LiteralString = statement(name, package).decode()
    return sql.SQL(text)
