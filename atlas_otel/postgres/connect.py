"""Connections to Postgres, as this package wants them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from psycopg.conninfo import make_conninfo

from atlas_otel.errors import PermanentStoreError
from atlas_otel.postgres.dsn import describe, resolve_database_url, with_defaults
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.overlap import OverlappingConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATEMENT_TIMEOUT_MS: Final = 30_000
_GRACE_S: Final = 15.0
"""How long after its time limit the server may be silent in the middle of a statement."""
# A server that is frozen or cut off is noticed within about this long, also in the middle of a statement.
_SETTINGS: Final[dict[str, str | int]] = {
    "application_name": "atlas-otel",
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


_PINNED: Final[dict[str, str]] = {
    "array_nulls": "on",
    "bytea_output": "hex",
    "DateStyle": "ISO, MDY",
    "default_transaction_isolation": "read committed",
    "extra_float_digits": "1",
    "IntervalStyle": "postgres",
    "search_path": "pg_catalog, public",
    "standard_conforming_strings": "on",
    "TimeZone": "UTC",
    "transform_null_equals": "off",
}
"""What our statements, and psycopg as it reads the answers, depend on. A role, a database, ``PGOPTIONS`` or the URL may
state it otherwise for other programs; so may all of them the client's encoding, which goes with the first packet."""
_ENCODING: Final = "UTF8"


def connect(url: str, *, statement_timeout_ms: int = _STATEMENT_TIMEOUT_MS) -> OverlappingConnection:
    """A connection in autocommit to the database that ``url`` names in any of its forms; an embedded server is started.

    ``statement_timeout_ms``: where neither the URL nor the server's settings state one. What the meaning of our
    statements depends on (encoding, date style, …) is set, whatever they state. A pooler may stand in between, in
    session or transaction mode.

    Raises ConfigError for a wrong URL, StoreError where nothing can be reached, PermanentStoreError where the database
    has another encoding than UTF-8 or a pooler forgets settings within a transaction.
    """
    conninfo = make_conninfo(with_defaults(resolve_database_url(url), **_SETTINGS), client_encoding=_ENCODING)
    with translating(url), quiet():
        connection = OverlappingConnection.connect(conninfo, autocommit=True)
        try:
            connection.silence_s = _GRACE_S
            _check_encoding(connection, url)
            row = connection.execute(
                "SELECT pg_backend_pid(), source, setting FROM pg_catalog.pg_settings WHERE name = 'statement_timeout'"
            ).fetchone()
            assert row is not None
            pid, stated_by, stated_ms = row
            settings = dict(_PINNED)
            if stated_by == "default":
                settings["statement_timeout"] = stated_ms = str(statement_timeout_ms)
            if pid == connection.info.backend_pid:
                # SET, not the startup packet's `options`: connection poolers refuse those.
                connection.set_all(settings, local=False)
            else:
                connection.set_in_transactions(settings)
                _check_kept(connection, url)
            connection.silence_s = int(stated_ms) / 1000 + _GRACE_S if int(stated_ms) else None
        except BaseException:
            connection.close()
            raise
    return connection


def _check_encoding(connection: OverlappingConnection, url: str) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != _ENCODING:
        raise PermanentStoreError(
            f"{describe(url)}: its encoding is {encoding}, which cannot hold what models write: make one with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def _check_kept(connection: OverlappingConnection, url: str) -> None:
    """Whether what a transaction begins with holds to its end."""
    try:
        with connection.transaction():
            row = connection.execute("SELECT current_setting('search_path')").fetchone()
    except psycopg.errors.ProtocolViolation:  # pgbouncer's answer to BEGIN in statement mode
        row = None
    if row != (_PINNED["search_path"],):
        raise PermanentStoreError(
            f"{describe(url)}: the pooler there forgets settings within a transaction: use pool_mode = session or "
            "transaction, or connect to Postgres directly"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Instrumented database drivers make no spans inside: ours would be recorded, and written, and recorded."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        detach(token)
