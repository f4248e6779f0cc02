"""The numbers and keys of sessions in databases that atlas-otel, or another program, wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_otel.errors import UsageError
from atlas_otel.postgres.session_names import find_sessions, has_records
from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg


def row_ids(connection: psycopg.Connection[Any], names: Sequence[int | str]) -> list[int]:
    """``sessions.id`` of each name, in order, once each.

    Raises UsageError that lists the names of no session, and for a session that has no row yet.
    """
    found = find_sessions(connection, names)
    waiting = [str(ids.key) for ids in found if ids.id is None]
    if waiting:
        raise UsageError(f"not computed yet, so there are no rows: session {', '.join(waiting)}")
    return [ids.id for ids in found if ids.id is not None]


def keys_of(connection: psycopg.Connection[Any], ids: Sequence[int]) -> dict[int, str]:
    """The keys of the sessions with these numbers, of those that atlas-otel recorded."""
    if not has_records(connection):
        return {}
    return dict(connection.execute(statement("keys", __package__), {"ids": list(ids)}).fetchall())


def known_sessions(connection: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, int]:
    """``sessions.id`` of those of these keys and numbers that there are. The session of a key may have no row."""
    parameters = {"keys": list(names)}
    found: dict[str, int] = dict(connection.execute(statement("existing_numbers", __package__), parameters).fetchall())
    if has_records(connection):
        found.update(dict(connection.execute(statement("numbers_of_keys", __package__), parameters).fetchall()))
    return found
