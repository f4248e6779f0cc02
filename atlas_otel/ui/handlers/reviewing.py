"""Review: what was said on a session, deciding, reserving, and the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from atlas_otel.postgres.statements import composable, statement
from atlas_otel.review.store import read_events, record
from atlas_otel.ui.asking import Refused, Tagged, missing
from atlas_otel.ui.reading import session_number
from atlas_otel.ui.review_state import act, read_state, seen
from atlas_otel.ui.session_list import from_tables, parameters, which
from atlas_otel.ui.shapes import review as shapes
from atlas_otel.ui.shapes.sessions import Reservation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.review.event import Act
    from atlas_otel.ui.asking import Answered, Ask

_PACKAGE: Final = "atlas_otel.ui"
_COUNTED: Final = 1_000


def review(ask: Ask) -> Tagged:
    """What reviewers said, and what it comes to."""
    found = read_state(ask.connection, session_number(ask.connection, ask.path["session"]), ask.options.rubric.verdicts)
    return Tagged(found.revision, found)


def decide(ask: Ask) -> shapes.ReviewState:
    """Append what a reviewer decided. A reservation of theirs ends with a verdict."""
    body = ask.given(shapes.ReviewBody)
    number = session_number(ask.connection, ask.path["session"])
    acts = [act(one) for one in body.actions]
    check(ask, [number], acts)
    needed = ask.options.rubric.verdicts
    acts = [_whole_span(ask, number, one) for one in acts]
    record(
        ask.connection,
        [number],
        acts,
        reviewer=ask.user.name,
        via="page",
        needed=needed,
        seen={number: seen(body.revision)},
    )
    if any(one.kind == "verdict" for one in acts):
        ask.connection.execute("SELECT atlas_otel.review_release(%s, %s)", [number, ask.user.name])
    return read_state(ask.connection, number, needed)


def check(ask: Ask, numbers: Sequence[int], acts: Sequence[Act]) -> None:
    """Raise Refused where the rubric or the role does not allow it."""
    criteria = {one.name: one for one in ask.options.rubric.criteria}
    for one in acts:
        if one.kind == "verdict" and one.final and not ask.user.may("admin"):
            raise Refused(403, "forbidden", "a final verdict takes the role admin")
        if one.kind == "score":
            criterion = criteria.get(one.criterion or "")
            if criterion is None:
                raise Refused(400, "bad_request", f"the rubric has no criterion {one.criterion!r}")
            if one.score is None or not criterion.holds(one.score):
                scale = f"{criterion.min:g} to {criterion.max:g} by {criterion.step:g}"
                raise Refused(400, "bad_request", f"{one.score} is no point of the scale of {criterion.name}: {scale}")
            if (criterion.per == "step") != (one.step_id is not None):
                raise Refused(400, "bad_request", f"{criterion.name} is scored once a {criterion.per}")
        if one.kind == "undo" and not ask.user.may("admin"):
            _check_undoing(ask, numbers, one)


def _check_undoing(ask: Ask, numbers: Sequence[int], one: Act) -> None:
    for events in read_events(ask.connection, numbers).values():
        for event in events:
            if event.id == one.undoes and event.reviewer != ask.user.name:
                raise Refused(403, "forbidden", f"event {event.id} is {event.reviewer}'s: only an admin undoes it")


def _whole_span(ask: Ask, number: int, one: Act) -> Act:
    """The act with the name by which exports know the model call. Raises Refused where the session has none."""
    if one.span_id is None:
        return one
    row = ask.connection.execute(statement("model_call", _PACKAGE), {"id": number, "span": one.span_id}).fetchone()
    if row is None:
        raise Refused(400, "bad_request", f"session {number} has no model call {one.span_id}")
    return one._replace(span_id=row[0])


def reserve(ask: Ask) -> Reservation:
    """Look at a session alone for a while."""
    number = session_number(ask.connection, ask.path["session"])
    minutes = ask.given(shapes.ReserveBody).minutes or ask.options.rubric.reserve_minutes
    held = _reserve(ask, number, minutes)
    if held.by != ask.user.name:
        raise Refused(409, "reserved", f"{held.by} looks at session {number} until {held.until:%H:%M:%S} UTC")
    return held


def _reserve(ask: Ask, number: int, minutes: int) -> Reservation:
    row = ask.connection.execute(
        "SELECT * FROM atlas_otel.review_reserve(%s, %s, %s)", [number, ask.user.name, float(minutes * 60)]
    ).fetchone()
    if row is None:
        raise missing(f"there is no session {number}")
    return Reservation(by=row[0], until=row[1])


def release(ask: Ask) -> shapes.ReviewState:
    """Let others look at a session."""
    number = session_number(ask.connection, ask.path["session"])
    ask.connection.execute("SELECT atlas_otel.review_release(%s, %s)", [number, ask.user.name])
    return read_state(ask.connection, number, ask.options.rubric.verdicts)


def next_session(ask: Ask) -> shapes.NextSession:
    """Reserve the next session of a query. Where another reviewer is faster, the one after it."""
    body = ask.given(shapes.NextBody)
    order = {
        "attention": "facts.attention DESC, facts.session_id DESC",
        "newest": "theirs.id DESC",
        "oldest": "theirs.id",
    }[body.order]
    query = composable("next", _PACKAGE).format(
        **{"from": from_tables(with_facts=body.order == "attention")},
        which=which(),
        order=sql.SQL(order),
    )
    asked = parameters(body.query) | {"me": ask.user.name, "skip": body.skip, "limit": _COUNTED}
    waiting = [row[0] for row in ask.connection.execute(query, asked)]
    for place, number in enumerate(waiting):
        if _reserve(ask, number, ask.options.rubric.reserve_minutes).by == ask.user.name:
            return shapes.NextSession(session=number, left=len(waiting) - place - 1)
    return shapes.NextSession(session=None, left=0)


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {
    "review": review,
    "decide": decide,
    "reserve": reserve,
    "release": release,
    "nextSession": next_session,
}
