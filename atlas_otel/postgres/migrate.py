"""The schema: numbered SQL files, each applied once, in order, under a lock.

``migrations/NNNN_name.sql`` are never changed once released; a new file is added. All that are missing are applied
in one transaction, so a schema is never between two versions.

A migration is additive unless its first line is ``-- writers: N``: programs whose last migration is older than N cannot
write after it. All others go on over a schema that is newer than they are. A database that others use is migrated by
``atlas-otel db migrate`` alone; :func:`ensure` says who may do it by themselves.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from atlas_otel.errors import RetryableStoreError, SchemaError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.dsn import describe, is_embedded
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from atlas_otel.postgres.overlap import OverlappingConnection

_LOCK: Final = 0x61746C6173  # "atlas": the advisory lock that migrators of one database share
_OWN_TABLE: Final = """
CREATE SCHEMA IF NOT EXISTS atlas_otel;
CREATE TABLE IF NOT EXISTS atlas_otel.schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);
ALTER TABLE atlas_otel.schema_migrations ADD COLUMN IF NOT EXISTS writers INTEGER NOT NULL DEFAULT 0
"""
_WRITERS: Final = re.compile(r"-- writers: (\d+)\n")
_LOCK_TIMEOUT: Final = "2s"
"""How long others may queue behind a migration that waits for its locks."""
_PATIENCE_S: Final = 600.0
_AGAIN_S: Final = 1.0
_REWRITES: Final = "bigint_ids"


class Migration(NamedTuple):
    """A numbered SQL file of this program."""

    version: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, as hex."""
        return hashlib.sha256(self.script.encode()).hexdigest()

    @property
    def writers(self) -> int:
        """The last migration that a program has to know to write after this one; 0: any will do."""
        stated = _WRITERS.match(self.script)
        return int(stated[1]) if stated else 0


class Applied(NamedTuple):
    """A migration that a database has had."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    writers: int


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


def init(url: str, *, waiting: Callable[[str], None] | None = None, patience_s: float = _PATIENCE_S) -> SchemaStatus:
    """Bring the schema of the database up to date; what was pending before the call stands in the result.

    Safe to call from several processes at once, over an empty database, over one that the Atlas SDK made, and over
    one that is up to date (then no right to change the schema is needed). A lock that others hold is asked for two
    seconds at a time, so that nobody queues behind it for longer; ``waiting`` is told each time who holds it. Raises
    as :func:`status` does, RetryableStoreError where it is held for ``patience_s`` seconds.
    """
    # Building an index over what another program stored may take its time.
    with connect(url, statement_timeout_ms=0) as connection, translating(url), quiet():
        before = schema_status(connection, url)
        deadline = time.monotonic() + patience_s
        while not before.current:
            try:
                before = _apply(connection, url)
            except psycopg.errors.LockNotAvailable:
                held = f"{describe(url)}: the migration waits for {_holders(connection)}"
                if time.monotonic() > deadline:
                    raise RetryableStoreError(held) from None
                if waiting is not None:
                    waiting(held)
                time.sleep(_AGAIN_S)
            else:
                if before.applied and any(migration.writers for migration in before.pending):
                    _end_older_writers(connection)
                break
        return before


def _apply(connection: OverlappingConnection, url: str) -> SchemaStatus:
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(_OWN_TABLE)
        before = schema_status(connection, url)  # again: another process may have been faster
        for migration in before.pending:
            connection.execute(migration.script.encode())
            connection.execute(
                "INSERT INTO atlas_otel.schema_migrations (version, name, checksum, writers) VALUES (%s, %s, %s, %s)",
                [migration.version, migration.name, migration.checksum, migration.writers],
            )
        return before


def _holders(connection: OverlappingConnection) -> str:
    """Who has had locks on our tables for longest, for a message."""
    found = connection.execute(statement("lock_holders")).fetchall()
    return ", ".join(found_one for (found_one,) in found) or "a lock that another process held until now"


def _end_older_writers(connection: OverlappingConnection) -> None:
    """Have programs that are connected look at the schema again; what they could not compute meanwhile is computed."""
    with suppress(psycopg.Error):  # another role's connections
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'atlas-otel' AND pid <> pg_backend_pid()"
        )
    connection.execute("UPDATE atlas_otel.sessions SET projected_revision = 0 WHERE projection_error IS NOT NULL")


def ensure(connection: OverlappingConnection, url: str) -> None:
    """Make the schema where nobody uses the database yet, and bring an embedded one up to date.

    Raises SchemaError where the database is behind and others use it: ``atlas-otel db migrate`` is for who runs it.
    """
    found = schema_status(connection, url)
    if found.current:
        return
    if not is_embedded(url) and (found.applied or _holds_sessions(connection)):
        needed = max(migration.version for migration in found.pending)
        raise SchemaError(
            f"{found.database}: its schema is of version {found.version} and this program needs {needed}; others may "
            "use it, so run: atlas-otel db migrate"
        )
    init(url)


def _holds_sessions(connection: OverlappingConnection) -> bool:
    row = connection.execute("SELECT to_regclass('public.sessions') IS NOT NULL").fetchone()
    if row != (True,):
        return False
    return connection.execute("SELECT FROM public.sessions LIMIT 1").fetchone() is not None


def rewritten_bytes(url: str) -> int:
    """How much of the database the pending migrations write anew under a lock; 0 where nothing is."""
    with connect(url) as connection, translating(url), quiet():
        if all(migration.name != _REWRITES for migration in schema_status(connection, url).pending):
            return 0
        row = connection.execute(statement("size_of_narrow_ids")).fetchone()
        return int(row[0]) if row else 0


def schema_status(connection: psycopg.Connection, url: str) -> SchemaStatus:
    """:func:`status` over a connection that is open already; ``url`` is for messages."""
    found = connection.execute("SELECT to_regclass('atlas_otel.schema_migrations') IS NOT NULL").fetchone()
    applied: tuple[Applied, ...] = ()
    if found is not None and found[0]:
        # The column is not there before the first migration that this program, or a newer one, applied.
        rows = connection.execute(
            "SELECT version, name, checksum, applied_at, coalesce((to_jsonb(one) ->> 'writers')::int, version)"
            " FROM atlas_otel.schema_migrations AS one ORDER BY version"
        )
        applied = tuple(Applied(*row) for row in rows)
    known = {migration.version: migration for migration in migrations()}
    for done in applied:
        migration = known.get(done.version)
        if migration is None and done.writers > max(known):
            raise SchemaError(
                f"{describe(url)}: its schema is of version {applied[-1].version}, newer than this program's "
                f"({max(known)}): upgrade atlas-otel"
            )
        if migration is not None and migration.checksum != done.checksum:
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
