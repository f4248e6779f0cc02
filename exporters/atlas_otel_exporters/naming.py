"""The two names of a session: its row's number, and the key that atlas-otel gave it. Commands take either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.errors import UsageError
from atlas_otel_exporters.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

_LONGEST_NUMBER: Final = len(str(2**31 - 1))


def row_ids(connection: psycopg.Connection[Any], names: Sequence[int | str]) -> list[int]:
    """``sessions.id`` of each name, in order, once each. Raises UsageError that lists the names of no session."""
    numbers = [int(name) for name in names if _is_number(name) and int(name) < 2**31]
    keys = [name for name in names if not _is_number(name)]
    rows = connection.execute(statement("existing"), {"ids": numbers}).fetchall()
    found: dict[str, int] = {str(row[0]): row[0] for row in rows}
    if keys and _records_keys(connection):
        found |= dict(connection.execute(statement("ids_of_keys"), {"keys": keys}).fetchall())
    wanted = [str(int(name)) if _is_number(name) else str(name) for name in names]
    unknown = [name for name in wanted if name not in found]
    if unknown:
        raise UsageError(f"no session in this database is called {', '.join(unknown)}")
    return list(dict.fromkeys(found[name] for name in wanted))


def keys_of(connection: psycopg.Connection[Any], ids: Sequence[int]) -> dict[int, str]:
    """The keys of the sessions with these numbers, of those that atlas-otel recorded."""
    if not _records_keys(connection):
        return {}
    return dict(connection.execute(statement("keys"), {"ids": list(ids)}).fetchall())


def _is_number(name: int | str) -> bool:
    # A key has 32 digits, and now and then all of them are decimal.
    return isinstance(name, int) or (name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER)


def _records_keys(connection: psycopg.Connection[Any]) -> bool:
    """Whether this database has records of ours: the Atlas SDK's have no schema ``atlas_otel``."""
    row = connection.execute("SELECT to_regclass('atlas_otel.sessions') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])
