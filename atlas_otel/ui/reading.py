"""A session by any of its names, and all of it as the exports read it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from atlas_otel.errors import UsageError
from atlas_otel.postgres.session_names import find_sessions
from atlas_otel.ui.asking import Refused, missing
from atlas_otel_exporters.read import open_reader

if TYPE_CHECKING:
    import psycopg

    from atlas_otel.ui.asking import Ask
    from atlas_otel_exporters.stored import StoredSession


def session_number(connection: psycopg.Connection[Any], name: str) -> int:
    """``sessions.id`` of the session called ``name``. Raises Refused (404) where there is none, or several."""
    try:
        (found,) = find_sessions(connection, [name])
    except UsageError as error:
        raise missing(str(error)) from None
    if found.id is None:
        raise Refused(404, "not_found", f"session {name} is not computed yet")
    return found.id


def stored_session(ask: Ask, number: int) -> StoredSession:
    """A session with all its rows, over a connection of the exports' own kind."""
    with (
        open_reader(ask.options.database_url) as reader,
        reader.snapshot(),
        closing(reader.sessions_numbered([number])) as sessions,
    ):
        for session in sessions:
            return session
    raise missing(f"there is no session {number}")
