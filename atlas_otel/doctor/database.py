"""The database: reached, up to date, with which rights, and what stands still in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from atlas_otel.doctor.finding import Finding, fail, ok, warn
from atlas_otel.errors import AtlasOtelError, SchemaError
from atlas_otel.postgres import migrate
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement
from atlas_otel.projection.unread import is_unread

if TYPE_CHECKING:
    import psycopg

_MANY_WAIT: Final = 1_000
_ID_SHARE: Final = 0.5
"""From which share of an id's range on it is said."""
_SHOWN: Final = 5
"""Sessions, and scopes, that are named."""
_TRACES: Final = 500
"""How many of the newest traces of others are looked at for model calls that no dialect reads."""


def examine_database(url: str) -> list[Finding]:
    """Look at the database; changes nothing."""
    try:
        with translating(url), quiet(), connect(url) as connection:
            server = connection.info.parameter_status("server_version") or "?"
            found = [ok("database", f"{describe(url)}, PostgreSQL {server.split()[0]}")]
            try:
                schema = migrate.schema_status(connection, url)
            except SchemaError as error:
                return [*found, fail("schema", str(error), "use the atlas-otel that made it, or a newer one")]
            if not schema.current:
                said = f"version {schema.version}, {len(schema.pending)} migrations missing"
                return [*found, fail("schema", said, "run: atlas-otel db init")]
            found.append(ok("schema", f"version {schema.version}, up to date"))
            found.append(_rights(connection))
            found.append(_ids(connection))
            return [*found, *_standing_still(connection), _not_understood(connection)]
    except AtlasOtelError as error:
        return [fail("database", str(error), "start the server, or correct ATLAS_OTEL_DATABASE_URL; records wait")]


def _rights(connection: psycopg.Connection) -> Finding:
    row = connection.execute(statement("doctor_rights")).fetchone()
    assert row is not None
    user, superuser, owns, missing = row
    if missing:
        said = f"{user} lacks {', '.join(missing[:4])}{' …' if len(missing) > 4 else ''}"
        return fail("rights", said, "grant what docs/reference/postgres-roles.md lists for the writing role")
    if superuser or owns:
        said = f"{user} may write, and {'everything else' if superuser else 'change the schema'}"
        return warn("rights", said, "agents need less: docs/reference/postgres-roles.md has a role that only writes")
    return ok("rights", f"{user} may write, and not change the schema")


def _ids(connection: psycopg.Connection) -> Finding:
    rows = connection.execute(statement("doctor_ids")).fetchall()
    column, used = max(rows, key=lambda row: row[1], default=("no column", 0.0))
    if used < _ID_SHARE:
        return ok("ids", f"{used:.0%} of the numbers of {column} are used")
    said = f"{used:.0%} of the numbers of {column} are used: at the end no new session gets rows"
    return warn("ids", said, "atlas-otel db migrate makes ids 64 bits wide; where they are, report it")


def _standing_still(connection: psycopg.Connection) -> list[Finding]:
    row = connection.execute(statement("doctor_backlog")).fetchone()
    assert row is not None
    sessions, running, dirty, oldest_s, broken, poisoned = row
    found = [ok("sessions", f"{sessions} recorded, {running} running")]
    if broken:
        every = {"keys": None, "traces": None}
        names = [str(id_ or key) for id_, key, _, _ in connection.execute(statement("not_computed"), every)]
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        todo = "atlas-otel sessions list says why; report it, then: atlas-otel rebuild --session ID"
        found.append(fail("projection", f"{broken} sessions cannot be computed from their records: {shown}", todo))
    waits = f"{dirty} sessions wait to be computed"
    if dirty and (dirty > _MANY_WAIT or oldest_s > 60):
        todo = "a process that records computes them too; or run: atlas-otel rebuild --all"
        found.append(warn("backlog", f"{waits}, the oldest since {oldest_s:.0f} s", todo))
    else:
        found.append(ok("backlog", waits))
    if poisoned:
        todo = "see why, store them after all or drop them: atlas-otel refused list"
        found.append(warn("poison", f"{poisoned} records were refused for good and set aside", todo))
    else:
        found.append(ok("poison", "no record was refused"))
    return found


def _not_understood(connection: psycopg.Connection) -> Finding:
    """Whoever wrote them, in whichever process they were taken in."""
    counts: Counter[str] = Counter()
    for scope, names, number in connection.execute(statement("doctor_strangers"), {"traces": _TRACES}):
        if is_unread(names):
            counts[scope or "(none)"] += number
    where = f"the newest {_TRACES} traces that came from outside sessions"
    if not counts:
        return ok("dialects", f"no span in {where} looks like a model call that is not read")
    shown = ", ".join(f"{number} spans of {scope}" for scope, number in counts.most_common(_SHOWN))
    said = f"{shown} look like model calls, and were kept but not understood, in {where}"
    return warn("dialects", said, "docs/frameworks.md lists what is read; a later version reads them after a rebuild")
