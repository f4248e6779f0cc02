"""What the review queue and the plots know of sessions: kept as these are projected, and folded into numbers by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import is_data_error, translating
from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

_LOCK: Final = 0x61746C617366  # "atlasf": one fold at a time
_CATCH_UP: Final = 200
_MAY: Final = """
SELECT count(*) = 3 FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege
WHERE has_table_privilege(to_regclass('atlas_otel.session_facts'), privilege)
"""
_MAY_FOLD: Final = "SELECT has_table_privilege(to_regclass('atlas_otel.daily_numbers'), 'DELETE')"


def may_keep(connection: psycopg.Connection[Any]) -> bool:
    """Whether the role may write facts. Where it may not, the page computes them when it is opened."""
    row = connection.execute(_MAY.encode()).fetchone()
    return row is not None and bool(row[0])


def may_fold(connection: psycopg.Connection[Any]) -> bool:
    """Whether the role may fold days."""
    row = connection.execute(_MAY_FOLD.encode()).fetchone()
    return row is not None and bool(row[0])


def keep(connection: psycopg.Connection[Any], ids: Sequence[int]) -> None:
    """Keep the facts of those of these sessions that are over, as their rows are now.

    Where a value of another program cannot be read, nothing is kept: no session is held back for it.
    """
    try:
        with connection.transaction():
            connection.execute(statement("keep_facts"), {"ids": list(ids)})
    except psycopg.Error as error:
        if not is_data_error(error):
            raise


def missing(connection: psycopg.Connection[Any], limit: int) -> list[int]:
    """Up to ``limit`` sessions that are over and whose facts are missing or of what they were, the newest first."""
    return [row[0] for row in connection.execute(statement("facts_missing"), {"limit": limit})]


def catch_up(connection: psycopg.Connection[Any], limit: int = _CATCH_UP) -> int:
    """Keep the facts of up to ``limit`` sessions that have none; how many now have."""
    found = missing(connection, limit)
    if found:
        keep(connection, found)
    return len(found) - len(set(found) & set(missing(connection, limit))) if found else 0


def fold(connection: psycopg.Connection[Any], *, before: date | None = None, most: int | None = None) -> int:
    """Fold the days whose sessions changed into their numbers; how many were.

    ``before``: only days before this one, in UTC. ``most``: how many at one time, the newest first. What is left stays
    to be folded. Does nothing where another process folds just now. The database's time of a fold is about ten
    microseconds a session of its day.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT pg_try_advisory_xact_lock(%s), txid_snapshot_xmin(txid_current_snapshot()), txid_current()", [_LOCK]
        ).fetchone()
        assert row is not None
        free, seen, now = row
        if not free:
            return 0
        row = connection.execute("SELECT written FROM atlas_otel.folded").fetchone()
        since = 0 if row is None or row[0] > now else row[0]  # a restored database counts its transactions anew
        days = sorted((row[0] for row in connection.execute(statement("fold_days"), {"since": since})), reverse=True)
        connection.execute("DELETE FROM atlas_otel.days_to_fold WHERE day = ANY (%s::date[])", [days])
        wanted = [day for day in days if before is None or day < before][:most]
        if left := [day for day in days if day not in wanted]:
            connection.execute("INSERT INTO atlas_otel.days_to_fold (day) SELECT unnest(%s::date[])", [left])
        for day in wanted:
            connection.execute("DELETE FROM atlas_otel.daily_numbers WHERE day = %s", [day])
            connection.execute(statement("fold_day"), {"day": day})
        connection.execute(
            "INSERT INTO atlas_otel.folded (written, at) VALUES (%s, clock_timestamp())"
            " ON CONFLICT (one) DO UPDATE SET written = excluded.written, at = excluded.at",
            [seen],
        )
        return len(wanted)


def recompute(connection: psycopg.Connection[Any], keys: Sequence[str] | None = None) -> int:
    """Keep the facts of these sessions (None: all, of other programs too) anew, and fold their days; how many there
    are. Does what the role may."""
    if not may_keep(connection):
        return 0
    last = done = 0
    while True:
        rows = connection.execute(statement("facts_page"), {"keys": keys, "after": last, "limit": _CATCH_UP}).fetchall()
        if not rows:
            break
        last = rows[-1][0]
        done += len(rows)
        keep(connection, [row[0] for row in rows])
    if may_fold(connection):
        fold(connection)
    return done


def facts_again(url: str, keys: Sequence[str] | None) -> int:
    """:func:`recompute` over a connection of its own. Raises StoreError and the like."""
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection:
        return recompute(connection, keys)
