"""Loads the ``.sql`` files of this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> bytes:
    """The statement in ``<name>.sql``; as bytes, which psycopg takes as they are."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_bytes()
