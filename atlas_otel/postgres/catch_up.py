"""Brings rows up to date before somebody reads them."""

from __future__ import annotations

import time
from typing import Final

from atlas_otel.errors import PermanentStoreError, SchemaError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import statement

WAIT_S: Final = 30.0
_WAIT_AS_READER_S: Final = 5.0
"""Whether anybody computes them is then not known."""
_LOOK_S: Final = 0.05


def catch_up(url: str, *, wait_s: float = WAIT_S) -> int:
    """Project the sessions that are behind their records now; how many still are.

    Those that other processes hold are waited for, ``wait_s`` seconds at most. A role that may not write only waits. A
    database without records of ours has none behind. Raises StoreError where the database cannot be read, ConfigError
    for a wrong URL.
    """
    upto = _latest_revision(url)
    if upto is None or not _behind(url, upto):
        return 0
    from atlas_otel.postgres.store import PostgresStore  # it loads the projection, which is seldom needed

    deadline = time.monotonic() + wait_s
    with PostgresStore(url, migrate_schema=False) as store:
        may_write = True
        while True:
            try:
                while may_write and store.project():
                    pass
            except SchemaError:
                return _behind(url, upto)
            except PermanentStoreError:
                may_write = False
                deadline = min(deadline, time.monotonic() + _WAIT_AS_READER_S)
            behind = _behind(url, upto)
            if not behind or time.monotonic() >= deadline:
                return behind
            time.sleep(_LOOK_S)


def _latest_revision(url: str) -> int | None:
    """The last revision that any write took; None where the database holds no records of ours."""
    with translating(url), quiet(), connect(url) as connection:
        row = connection.execute("SELECT to_regclass('atlas_otel.sessions') IS NOT NULL").fetchone()
        if row != (True,):
            return None
        row = connection.execute("SELECT coalesce(max(revision), 0) FROM atlas_otel.sessions").fetchone()
        assert row is not None
        return int(row[0])


def _behind(url: str, upto: int) -> int:
    with translating(url), quiet(), connect(url) as connection:
        row = connection.execute(statement("count_behind"), {"upto": upto}).fetchone()
        assert row is not None
        return int(row[0])
