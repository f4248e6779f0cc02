"""Connections to Postgres, as this package wants them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

from atlas_otel.postgres.dsn import resolve_database_url, with_defaults
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.overlap import OverlappingConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATEMENT_TIMEOUT_MS: Final = 30_000
# A server that is frozen or cut off is noticed within about this long, also in the middle of a statement.
_SETTINGS: Final[dict[str, str | int]] = {
    "application_name": "atlas-otel",
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


def connect(
    url: str, *, autocommit: bool = False, statement_timeout_ms: int = _STATEMENT_TIMEOUT_MS
) -> OverlappingConnection:
    """A connection to the database that ``url`` names in any of its forms; an embedded server is started.

    What the URL states itself is kept. Raises ConfigError for a wrong URL and StoreError where nothing can be
    reached.
    """
    conninfo = with_defaults(resolve_database_url(url), **_SETTINGS)
    with translating(url), quiet():
        connection = OverlappingConnection.connect(conninfo, autocommit=True)
        try:
            # SET, not the startup packet's `options`: connection poolers refuse those.
            connection.execute("SELECT set_config('statement_timeout', %s, false)", [str(statement_timeout_ms)])
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def quiet() -> Iterator[None]:
    """Instrumented database drivers make no spans inside: ours would be recorded, and written, and recorded."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        detach(token)
