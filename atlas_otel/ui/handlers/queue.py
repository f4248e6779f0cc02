"""The queue: pages of sessions, counts, names for filters, filters that were kept, and what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg.types.json import Jsonb
from pydantic import ValidationError

from atlas_otel.errors import UsageError
from atlas_otel.postgres.statements import composable, statement
from atlas_otel.ui.asking import Refused, missing
from atlas_otel.ui.session_list import from_tables, item, parameters, read_page, read_rows, which
from atlas_otel.ui.shapes.sessions import (
    Changes,
    ChangesQuery,
    Counts,
    Facets,
    FilterBody,
    SavedFilter,
    SavedFilters,
    SessionPage,
    SessionPageQuery,
    SessionQuery,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.ui.asking import Answered, Ask

_PACKAGE: Final = "atlas_otel.ui"
_COUNTED: Final = 100_000
_CHANGES: Final = 100
_OVERLAP: Final = 64
"""Revisions are taken before they are committed: so many of the last ones are given again."""


def list_sessions(ask: Ask) -> SessionPage:
    """A page of sessions."""
    query = ask.queried(SessionPageQuery)
    rows, cursor = read_page(ask.connection, query, query.order, query.limit, query.cursor)
    needed = ask.options.rubric.verdicts
    return SessionPage(sessions=[item(row, needed) for row in rows], next_cursor=cursor)


def count_sessions(ask: Ask) -> Counts:
    """How many there are, by status."""
    query = ask.queried(SessionQuery)
    counting = composable("counts", _PACKAGE).format(**{"from": from_tables()}, which=which())
    asked = parameters(query) | {"me": ask.user.name, "most": _COUNTED}
    row = ask.connection.execute(counting, asked).fetchone()
    assert row is not None
    names = [name for name in Counts.model_fields if name != "counted_to"]
    return Counts(counted_to=_COUNTED, **dict(zip(names, row, strict=True)))


def facets(ask: Ask) -> Facets:
    """The names that filters may take."""
    found: dict[str, list[str]] = {}
    for dimension, name in ask.connection.execute(statement("facets", _PACKAGE)):
        found.setdefault(dimension, []).append(name)
    return Facets(
        agents=found.get("agent", []),
        models=found.get("model", []),
        tools=found.get("tool", []),
        learning_keys=found.get("learning_key", []),
        tags=found.get("tag", []),
        reviewers=found.get("reviewer", []),
    )


def changes(ask: Ask) -> Changes:
    """What is new among the newest sessions."""
    since = ask.queried(ChangesQuery).since
    content, event = _since(since) if since is not None else (None, None)
    rows = ask.connection.execute(statement("newest", _PACKAGE)).fetchall()
    new = []
    if content is not None and event is not None:
        new = [row for row in rows if row[1] > content - _OVERLAP or row[2] > event]
    new.sort(key=lambda row: (row[1], row[2], row[0]), reverse=True)
    listed = read_rows(ask.connection, [row[0] for row in new[:_CHANGES]])
    needed = ask.options.rubric.verdicts
    return Changes(
        cursor=f"{max((row[1] for row in rows), default=0)}.{max((row[2] for row in rows), default=0)}",
        running=sum(row[3] for row in rows),
        more=len(new) > _CHANGES,
        sessions=[item(row, needed) for row in listed],
    )


def _since(text: str) -> tuple[int, int]:
    content, dot, event = text.partition(".")
    if not (dot and content.isascii() and event.isascii() and content.isdigit() and event.isdigit()):
        raise UsageError("since: it is no cursor of these answers")
    return int(content), int(event)


def list_filters(ask: Ask) -> SavedFilters:
    """One's own filters, and those that others share."""
    rows = ask.connection.execute(
        "SELECT owner, name, shared, filter FROM atlas_otel.review_filters WHERE owner = %s OR shared"
        " ORDER BY owner <> %s, name, owner",
        [ask.user.name, ask.user.name],
    )
    found = [_saved(*row) for row in rows]
    return SavedFilters(filters=[one for one in found if one is not None])


def _saved(owner: str, name: str, shared: bool, kept: dict[str, Any]) -> SavedFilter | None:
    try:
        body = FilterBody.model_validate({**kept, "shared": shared})
    except ValidationError:  # of another version, which knew conditions that this one does not
        return None
    return SavedFilter(name=name, owner=owner, shared=shared, order=body.order, query=body.query)


def save_filter(ask: Ask) -> SavedFilter:
    """Keep a filter under a name."""
    body, name = ask.given(FilterBody), ask.path["name"].strip()
    if not name or len(name) > 100:
        raise Refused(400, "bad_request", "a filter's name has 1 to 100 characters")
    kept = Jsonb(body.model_dump(mode="json", exclude={"shared"}))
    ask.connection.execute(
        "SELECT atlas_otel.review_keep_filter(%s, %s, %s, %s)", [ask.user.name, name, body.shared, kept]
    )
    return SavedFilter(name=name, owner=ask.user.name, shared=body.shared, order=body.order, query=body.query)


def delete_filter(ask: Ask) -> SavedFilters:
    """Forget one's own filter."""
    name = ask.path["name"]
    if not any(one.name == name and one.owner == ask.user.name for one in list_filters(ask).filters):
        raise missing(f"you have no filter called {name}")
    ask.connection.execute("SELECT atlas_otel.review_keep_filter(%s, %s, FALSE, NULL)", [ask.user.name, name])
    return list_filters(ask)


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {
    "listSessions": list_sessions,
    "countSessions": count_sessions,
    "facets": facets,
    "changes": changes,
    "listFilters": list_filters,
    "saveFilter": save_filter,
    "deleteFilter": delete_filter,
}
