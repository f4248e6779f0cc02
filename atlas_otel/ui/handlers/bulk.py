"""Review of many sessions at once, and how far reviewers agree."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from psycopg import sql
from psycopg.rows import class_row

from atlas_otel.errors import UsageError
from atlas_otel.postgres.statements import composable
from atlas_otel.review.agreement import fleiss_kappa, observed, pairs_of
from atlas_otel.review.event import ReviewEvent
from atlas_otel.review.rule import review
from atlas_otel.review.store import record
from atlas_otel.ui.asking import Refused
from atlas_otel.ui.handlers.reviewing import check
from atlas_otel.ui.review_state import act
from atlas_otel.ui.session_list import from_tables, parameters, which
from atlas_otel.ui.shapes import review as shapes
from atlas_otel.ui.shapes.sessions import SessionQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from atlas_otel.ui.asking import Answered, Ask

_PACKAGE: Final = "atlas_otel.ui"
_MOST: Final = 10_000
_VALID: Final = timedelta(minutes=10)
_RATED: Final = 20_000


def preview(ask: Ask) -> shapes.BulkPreview:
    """How many sessions it is, and the token that confirms it."""
    body = ask.given(shapes.BulkPreviewBody)
    numbers = _chosen(ask, body.query)
    check(ask, numbers, [act(body.action)])
    expires = datetime.now(timezone.utc).replace(microsecond=0) + _VALID
    token = f"{int(expires.timestamp())}.{_signed(ask, body, numbers, int(expires.timestamp()))}"
    return shapes.BulkPreview(count=len(numbers), token=token, expires_at=expires, sample=numbers[:20])


def bulk(ask: Ask) -> shapes.BulkResult:
    """Do it to all of them, or to none."""
    body = ask.given(shapes.BulkBody)
    until, _, signature = body.token.partition(".")
    stated = int(until) if until.isascii() and until.isdigit() and len(until) < 12 else 0
    if stated < datetime.now(timezone.utc).timestamp():
        raise Refused(409, "conflict", "the confirmation has run out: look at the count again")
    numbers = _chosen(ask, body.query)
    if signature != _signed(ask, body, numbers, stated):
        raise Refused(409, "conflict", f"the sessions are not those that were counted; there are {len(numbers)} now")
    done = act(body.action)
    check(ask, numbers, [done])
    if numbers:
        record(ask.connection, numbers, [done], reviewer=ask.user.name, via="page", needed=ask.options.rubric.verdicts)
    return shapes.BulkResult(done=len(numbers))


def _chosen(ask: Ask, query: SessionQuery) -> list[int]:
    asking = sql.SQL("SELECT theirs.id {} WHERE {} ORDER BY theirs.id LIMIT %(limit)s").format(from_tables(), which())
    rows = ask.connection.execute(asking, parameters(query) | {"limit": _MOST + 1}).fetchall()
    if len(rows) > _MOST:
        raise UsageError(f"the query has more than {_MOST} sessions: narrow it")
    return [row[0] for row in rows]


def _signed(ask: Ask, body: shapes.BulkPreviewBody | shapes.BulkBody, numbers: Sequence[int], until: int) -> str:
    """Of exactly these sessions, this action, this user and this time."""
    action = body.action.model_dump_json()
    held = sha256(",".join(map(str, numbers)).encode()).hexdigest()
    return ask.guard.sign("\x00".join((ask.user.name, action, held, str(until))))


def agreement(ask: Ask) -> shapes.Agreement:
    """Agreement on the verdict, and on each criterion of the rubric."""
    query = composable("ratings", _PACKAGE).format(**{"from": from_tables()}, which=which())
    asked = parameters(ask.queried(SessionQuery)) | {"limit": _RATED}
    held: dict[int, list[ReviewEvent]] = {}
    with ask.connection.cursor(row_factory=class_row(ReviewEvent)) as cursor:
        for event in cursor.execute(query, asked):
            held.setdefault(event.session_id, []).append(event)
    verdicts: dict[Hashable, dict[str, Hashable]] = {}
    scores: dict[str, dict[Hashable, dict[str, Hashable]]] = {one.name: {} for one in ask.options.rubric.criteria}
    for session, events in held.items():
        said = review(events, 0)
        for event in events:
            if event.kind == "verdict" and event.id not in said.undone and event.verdict != "pending":
                verdicts.setdefault(session, {})[event.reviewer] = event.verdict
        for event in said.scores:
            if event.criterion in scores:
                about = (session, event.step_id)
                scores[event.criterion].setdefault(about, {})[event.reviewer] = event.score
    criteria = [_agreement("verdict", "session", verdicts)]
    criteria += [_agreement(one.name, one.per, scores[one.name]) for one in ask.options.rubric.criteria]
    return shapes.Agreement(criteria=criteria)


def _agreement(name: str, per: str, ratings: dict[Hashable, dict[str, Hashable]]) -> shapes.CriterionAgreement:
    given = [list(one.values()) for one in ratings.values() if len(one) > 1]
    return shapes.CriterionAgreement(
        criterion=name,
        per="step" if per == "step" else "session",
        subjects=len(given),
        reviewers=len({reviewer for one in ratings.values() for reviewer in one}),
        agreement=observed(given),
        fleiss=fleiss_kappa(given),
        cohen=[shapes.PairKappa(a=one.a, b=one.b, sessions=one.subjects, kappa=one.kappa) for one in pairs_of(ratings)],
    )


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {
    "previewBulk": preview,
    "bulk": bulk,
    "agreement": agreement,
}
