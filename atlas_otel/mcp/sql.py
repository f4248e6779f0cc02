"""One SELECT of an assistant's, with bounds in rows, bytes and time, by a role that can only read.

What keeps it from writing is the server: a role that is no superuser, in a transaction that is read only. No text is
matched. A superuser could leave both behind, so a superuser's connection is not used for this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atlas_otel.errors import ConfigError, UsageError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.dsn import is_embedded, resolve_database_url
from atlas_otel.postgres.failures import translating

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonValue

READER: Final = "atlas_otel_reader"
"""The role that the embedded server is queried by; made when it is first needed."""
MAX_ROWS: Final = 1_000
MAX_BYTES: Final = 200_000
_TIMEOUT_MS: Final = 10_000
_FETCHED: Final = 50


class QueryResult(NamedTuple):
    """Rows as JSON objects. ``cut`` says which bound left something out; empty where nothing is missing."""

    rows: list[JsonValue]
    cut: str


def reader_url(url: str) -> str:
    """A conninfo by which only reading is possible. Raises ConfigError where ``url`` is a superuser's."""
    with translating(url), quiet(), connect(url) as connection:
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = session_user").fetchone()
        if row is None or not row[0]:
            return resolve_database_url(url)
        if not is_embedded(url):
            raise ConfigError(
                "SQL is off: this database URL is a superuser's; give that of a role that reads, "
                "see docs/reference/postgres-roles.md"
            )
        reader = sql.Identifier(READER)
        with connection.transaction():
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [READER]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(reader))
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public, atlas_otel TO {}").format(reader))
            connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public, atlas_otel TO {}").format(reader))
    return make_conninfo(resolve_database_url(url), user=READER)


def read(conninfo: str, query: str, *, max_rows: int = 100) -> QueryResult:
    """The rows of one SELECT (or VALUES, or WITH), at most ``max_rows`` of them and :data:`MAX_BYTES` in all.

    Raises UsageError with the server's message for a statement that it refuses, StoreError where it cannot be reached.
    """
    if not 1 <= max_rows <= MAX_ROWS:
        raise UsageError(f"max_rows is {max_rows}; it has to be from 1 to {MAX_ROWS}")
    with translating(conninfo), quiet(), connect(conninfo) as connection:
        try:
            with connection.transaction():
                connection.execute("SET TRANSACTION READ ONLY")
                connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(_TIMEOUT_MS)])
                # Prepared, it is one statement, however its text goes on.
                connection.execute(_cursor(query), prepare=True)
                return _fetch(connection, max_rows)
        except psycopg.errors.QueryCanceled:
            raise UsageError(f"the query took longer than {_TIMEOUT_MS // 1000} s") from None
        except psycopg.OperationalError:
            raise
        except psycopg.DatabaseError as error:
            raise UsageError(error.diag.message_primary or str(error)) from None


def _cursor(query: str) -> bytes:
    """A cursor over the query's rows as JSON text. As a subquery, it can be nothing but a query."""
    asked = query.strip().rstrip(";")
    inner = f"SELECT left(to_json(asked_row)::text, {MAX_BYTES}) FROM (\n{asked}\n) AS asked_row"  # noqa: S608
    return f"DECLARE asked NO SCROLL CURSOR FOR {inner}".encode()


def _fetch(connection: psycopg.Connection, max_rows: int) -> QueryResult:
    rows: list[JsonValue] = []
    room = MAX_BYTES
    while True:
        found = connection.execute(f"FETCH {_FETCHED} FROM asked".encode()).fetchall()
        for (text,) in found:
            if len(rows) == max_rows:
                return QueryResult(rows, f"more than {max_rows} rows")
            room -= len(text)
            if room <= 0:
                return QueryResult(rows, f"more than {MAX_BYTES} bytes")
            rows.append(orjson.loads(text))
        if len(found) < _FETCHED:
            return QueryResult(rows, "")
