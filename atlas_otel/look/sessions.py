"""Lists of sessions, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from atlas_otel.look.filters import EVERY_SESSION, SessionFilter, query
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current

if TYPE_CHECKING:
    from datetime import datetime


class ListedSession(NamedTuple):
    """One line of a list.

    ``key`` is None for a session that another program wrote. ``id`` is None for one of ours whose rows cannot be
    computed: ``projection_error`` says why, and ``created_at`` is when its last record came.
    """

    id: int | None
    key: str | None
    task: str
    status: str
    review_status: str
    created_at: datetime
    completed_at: datetime | None
    score: float | None
    steps: int
    tokens: int | None
    agent: str | None
    projection_error: str | None


def list_sessions(
    url: str, chosen: SessionFilter = EVERY_SESSION, *, limit: int = 20, offset: int = 0
) -> list[ListedSession]:
    """Up to ``limit`` of the chosen sessions, newest first, without the ``offset`` newest.

    Sessions that cannot be computed come first, where nothing is asked of them. Raises ConfigError and StoreError where
    the database cannot be read.
    """
    wanted = chosen.parameters() | {"limit": limit, "offset": offset, "unfiltered": chosen == EVERY_SESSION}
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        require_current(connection, url)
        with connection.cursor(row_factory=class_row(ListedSession)) as cursor:
            return cursor.execute(query("list_sessions"), wanted).fetchall()
