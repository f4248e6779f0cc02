"""The schema: numbered SQL files, each applied once, in order, under a lock.

``migrations/NNNN_name.sql`` are never changed once released; a new file is added. All that are missing are applied
in one transaction, so a schema is never between two versions.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import SchemaError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.failures import translating

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

_LOCK: Final = 0x61746C6173  # "atlas": the advisory lock that migrators of one database share
_OWN_TABLE: Final = """
CREATE SCHEMA IF NOT EXISTS atlas_otel;
CREATE TABLE IF NOT EXISTS atlas_otel.schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
)
"""


class Migration(NamedTuple):
    """A numbered SQL file of this program."""

    version: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, as hex."""
        return hashlib.sha256(self.script.encode()).hexdigest()


class Applied(NamedTuple):
    """A migration that a database has had."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


class SchemaStatus(NamedTuple):
    """Where a database's schema stands."""

    database: str
    """What and where, without a password."""
    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]

    @property
    def version(self) -> int:
        """Number of the last applied migration; 0 where there is none."""
        return self.applied[-1].version if self.applied else 0

    @property
    def current(self) -> bool:
        """Whether nothing is left to apply."""
        return not self.pending


@cache
def migrations() -> tuple[Migration, ...]:
    """The migrations of this program, in order."""
    found = []
    for file in files(__package__).joinpath("migrations").iterdir():
        number, _, name = file.name.removesuffix(".sql").partition("_")
        if file.name.endswith(".sql"):
            found.append(Migration(int(number), name, file.read_text("utf-8")))
    return tuple(sorted(found))


def status(url: str) -> SchemaStatus:
    """Where the schema of the database stands; changes nothing.

    Raises ConfigError, StoreError, and SchemaError where the schema is newer than this program.
    """
    with connect(url) as connection, translating(url), quiet():
        return schema_status(connection, url)


def init(url: str) -> SchemaStatus:
    """Bring the schema of the database up to date; what was pending before the call stands in the result.

    Safe to call from several processes at once, over an empty database, over one that the Atlas SDK made, and over
    one that is up to date (then no right to change the schema is needed). Raises as :func:`status` does.
    """
    # Building an index over what another program stored may take its time.
    with connect(url, statement_timeout_ms=0) as connection, translating(url), quiet():
        before = schema_status(connection, url)
        if before.current:
            return before
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            connection.execute(_OWN_TABLE)
            before = schema_status(connection, url)  # again: another process may have been faster
            for migration in before.pending:
                connection.execute(migration.script.encode())
                connection.execute(
                    "INSERT INTO atlas_otel.schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
                    [migration.version, migration.name, migration.checksum],
                )
        return before


def schema_status(connection: psycopg.Connection, url: str) -> SchemaStatus:
    """:func:`status` over a connection that is open already; ``url`` is for messages."""
    found = connection.execute("SELECT to_regclass('atlas_otel.schema_migrations') IS NOT NULL").fetchone()
    applied: tuple[Applied, ...] = ()
    if found is not None and found[0]:
        rows = connection.execute(
            "SELECT version, name, checksum, applied_at FROM atlas_otel.schema_migrations ORDER BY version"
        )
        applied = tuple(Applied(*row) for row in rows)
    known = {migration.version: migration for migration in migrations()}
    for done in applied:
        migration = known.get(done.version)
        if migration is None:
            raise SchemaError(
                f"{describe(url)}: its schema has version {applied[-1].version}, newer than this program's "
                f"({max(known)}): upgrade atlas-otel"
            )
        if migration.checksum != done.checksum:
            raise SchemaError(
                f"{describe(url)}: its schema was made by another {done.version:04}_{done.name} than this program's: "
                "was it made by an unreleased version?"
            )
    versions = {done.version for done in applied}
    return SchemaStatus(describe(url), applied, tuple(item for item in migrations() if item.version not in versions))


def require_current(connection: psycopg.Connection, url: str) -> None:
    """SchemaError unless the schema is this program's."""
    found = schema_status(connection, url)
    if not found.current:
        raise SchemaError(f"{found.database}: its schema is not up to date; run: atlas-otel db init")
