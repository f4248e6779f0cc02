"""Loads the ``.sql`` files of this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from typing import LiteralString


@cache
def statement(name: LiteralString) -> sql.SQL:
    """The statement, or the part of one, in ``sql/<name>.sql``."""
    return sql.SQL(files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))
