"""What a database says of sessions beside their records: their numbers, and what their reviewers decided."""

from __future__ import annotations

from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement
from atlas_otel_exporters.building.projected import Given


def read_given(database_url: str) -> dict[str, Given]:
    """By session key, what the database says of it. Where its rows are gone, what was noted when they went.

    A database without records of ours says nothing. Raises ConfigError for a wrong URL, StoreError where it cannot be
    read.
    """
    with translating(database_url), quiet(), connect(database_url, statement_timeout_ms=0) as connection:
        there = connection.execute(
            "SELECT to_regclass('atlas_otel.sessions') IS NOT NULL, to_regclass('atlas_otel.archived') IS NOT NULL"
        ).fetchone()
        assert there is not None
        found: dict[str, Given] = {}
        for is_there, name in ((there[1], "lake_given_dropped"), (there[0], "lake_given")):
            if is_there:
                with connection.transaction(), connection.cursor(name="atlas_otel_given") as cursor:
                    for key, *said in cursor.execute(statement(name)):
                        found[key] = Given(*said)
        return found
