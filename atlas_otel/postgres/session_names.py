"""The names of a session, which every command takes: its number, its key or a unique beginning of that, the id of its
trace or of one of its spans."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.errors import UsageError
from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

_MAX_NUMBER: Final = 2**63 - 1
_SHORTEST_PREFIX: Final = 4
_TRACE_OR_SPAN: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}")


class SessionIds(NamedTuple):
    """The two names of a session: ours, if we recorded it, and the number of its row, if it has one."""

    key: str | None
    id: int | None


def find_sessions(connection: psycopg.Connection[Any], names: Sequence[int | str]) -> list[SessionIds]:
    """The session of each name, in order, once each.

    Raises UsageError that lists the names of no session, or says which sessions a name could mean.
    """
    wanted = [str(name).strip() for name in names]
    ours = has_records(connection)
    found = _by_number_or_key(connection, wanted, ours=ours)
    unknown = []
    for name in dict.fromkeys(wanted):
        if name not in found:
            ids = _by_other_name(connection, name) if ours else None
            if ids is None:
                unknown.append(name)
            else:
                found[name] = ids
    if unknown:
        raise UsageError(f"no session in this database is called {', '.join(unknown)}; see: atlas-otel sessions list")
    return list(dict.fromkeys(found[name] for name in wanted))


def _by_number_or_key(connection: psycopg.Connection[Any], names: list[str], *, ours: bool) -> dict[str, SessionIds]:
    numbers = [int(name) if _is_number(name) else None for name in names]
    if not ours:
        known = {number for number in numbers if number is not None}
        rows = connection.execute("SELECT id FROM public.sessions WHERE id = ANY (%s::bigint[])", [list(known)])
        stored = {row[0] for row in rows}
        return {name: SessionIds(None, number) for name, number in zip(names, numbers, strict=True) if number in stored}
    rows = connection.execute(statement("find_sessions_by_name"), {"names": names, "numbers": numbers})
    return {name: SessionIds(key, number) for name, key, number in rows}


def _by_other_name(connection: psycopg.Connection[Any], name: str) -> SessionIds | None:
    rows: list[tuple[str, int | None]] = []
    if _TRACE_OR_SPAN.fullmatch(name.lower()):
        rows = connection.execute(statement("find_sessions_by_trace"), {"name": name.lower()}).fetchall()
    if not rows and len(name) >= _SHORTEST_PREFIX:
        rows = connection.execute(statement("find_sessions_by_prefix"), {"name": name}).fetchall()
    if len(rows) > 1:
        raise UsageError(f"{name} may mean several sessions: {', '.join(key for key, _ in rows)}; give more of the key")
    return SessionIds(*rows[0]) if rows else None


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and int(name) <= _MAX_NUMBER


def has_records(connection: psycopg.Connection[Any]) -> bool:
    """Whether this database has records of ours: the Atlas SDK's have no schema ``atlas_otel``."""
    row = connection.execute("SELECT to_regclass('atlas_otel.sessions') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])
