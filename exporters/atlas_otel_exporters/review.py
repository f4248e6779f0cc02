"""Review of sessions: which ones wait, why one might be held back, and what was decided (contract §4)."""

from __future__ import annotations

import getpass
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from psycopg.rows import class_row

from atlas_otel.errors import UsageError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.statements import composable, statement
from atlas_otel.review.event import Act
from atlas_otel.review.store import NOBODY, keeps_events, record
from atlas_otel_exporters.naming import row_ids
from atlas_otel_exporters.rewards import step_score

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import psycopg

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.review.event import Via

Decision: TypeAlias = Literal["approved", "quarantined"]


class ReviewedStep(NamedTuple):
    """What a reviewer wants to know of one step; ``score`` and ``valid`` are None where nobody judged it."""

    step_id: int
    description: str | None
    attempts: int | None
    score: float | None
    valid: bool | None
    output: str | None


class ReviewedSession(NamedTuple):
    """What a reviewer wants to know of one session.

    ``score`` and its spread over judges' samples come from ``reward_stats``, else ``reward``. ``drift`` is the
    comparison with earlier sessions of the same learning key, where one was made.
    """

    id: int
    task: str
    status: str
    review_status: str
    review_notes: str | None
    created_at: datetime
    final_answer: str | None
    score: float | None
    score_stddev: float | None
    sample_count: int | None
    drift: JsonObject | None
    drift_alert: bool
    audit_entries: int


class Queue(NamedTuple):
    """The sessions of one review status: how many there are, and those that were asked for."""

    total: int
    sessions: list[ReviewedSession]


def sessions_to_review(
    database_url: str, statuses: Sequence[str], *, limit: int = 20, offset: int = 0
) -> dict[str, Queue]:
    """For each review status, up to ``limit`` of the sessions that have it, newest first.

    Raises UsageError for bounds that are none, StoreError where the database cannot be read.
    """
    if limit < 1 or offset < 0:
        raise UsageError("limit has to be 1 or more, and offset 0 or more")
    with _connection(database_url) as connection, connection.cursor(row_factory=class_row(ReviewedSession)) as cursor:
        query = composable("reviewed", __package__).format(which=composable("reviewed_by_status", __package__))
        totals = dict(connection.execute(statement("review_totals", __package__)).fetchall())
        return {
            status: Queue(
                totals.get(status.lower(), 0),
                cursor.execute(query, {"status": status.lower(), "limit": limit, "offset": offset}).fetchall(),
            )
            for status in statuses
        }


def session_to_review(database_url: str, name: int | str) -> tuple[ReviewedSession, list[ReviewedStep]]:
    """One session, by number or key, and its steps in order. Raises UsageError where there is none."""
    with _connection(database_url) as connection:
        (session_id,) = row_ids(connection, [name])
        rows = connection.execute(statement("reviewed_steps", __package__), {"id": session_id}).fetchall()
        return _sessions(connection, [session_id])[0], [_step(*row) for row in rows]


def decide(
    database_url: str,
    names: Sequence[int | str],
    decision: Decision,
    *,
    note: str | None = None,
    reviewer: str | None = None,
    via: Via = "command",
) -> list[ReviewedSession]:
    """Give all these sessions a final verdict, or none where one of them does not exist (UsageError).

    ``note`` replaces the notes; None keeps them. ``reviewer``: who decides; None: the user of this process.
    """
    acts = [Act("verdict", verdict=decision, final=True)]
    if note is not None:
        acts.append(Act("note", text=note))
    return _record(database_url, names, acts, reviewer, via)


def add_note(
    database_url: str,
    names: Sequence[int | str],
    note: str,
    *,
    reviewer: str | None = None,
    via: Via = "command",
) -> list[ReviewedSession]:
    """Replace the notes of all these sessions, and leave their review status; raises as :func:`decide` does."""
    return _record(database_url, names, [Act("note", text=note)], reviewer, via)


def _record(
    database_url: str, names: Sequence[int | str], acts: Sequence[Act], reviewer: str | None, via: Via
) -> list[ReviewedSession]:
    with _connection(database_url) as connection:
        ids = row_ids(connection, names)
        if keeps_events(connection):
            record(connection, ids, acts, reviewer=reviewer or this_user(), via=via)
        else:  # only the Atlas SDK wrote there: the columns are all there is
            status = next((act.verdict for act in acts if act.kind == "verdict"), None)
            note = next((act.text for act in acts if act.kind == "note"), None)
            connection.execute(statement("decide", __package__), {"ids": ids, "status": status, "note": note})
        return _sessions(connection, ids)


def this_user() -> str:
    """The name of the user of this process, as review events have it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a process without a user entry, as in some containers
        return NOBODY


def _step(
    step_id: int,
    description: str | None,
    attempts: int | None,
    evaluation: JsonObject,
    metadata: JsonObject,
    output: str | None,
) -> ReviewedStep:
    validation = evaluation.get("validation")
    valid = validation.get("valid") if isinstance(validation, dict) else None
    score = step_score(evaluation, metadata)
    return ReviewedStep(step_id, description, attempts, score, valid if isinstance(valid, bool) else None, output)


def _sessions(connection: psycopg.Connection[Any], ids: Sequence[int]) -> list[ReviewedSession]:
    with connection.cursor(row_factory=class_row(ReviewedSession)) as cursor:
        query = composable("reviewed", __package__).format(which=composable("reviewed_by_id", __package__))
        return cursor.execute(query, {"ids": list(ids)}).fetchall()


@contextmanager
def _connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """One transaction of one connection."""
    with connect(database_url) as connection, translating(database_url), quiet(), connection.transaction():
        yield cast("psycopg.Connection[Any]", connection)
