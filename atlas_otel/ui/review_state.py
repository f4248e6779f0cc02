"""What reviewers said on a session, as the API gives it. Pure but for the reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.review.event import Act
from atlas_otel.review.rule import review
from atlas_otel.review.store import Seen, read_events
from atlas_otel.ui.asking import Refused, missing
from atlas_otel.ui.session_list import read_rows, revision
from atlas_otel.ui.shapes import review as shapes
from atlas_otel.ui.shapes.base import Change
from atlas_otel.ui.shapes.sessions import Reservation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from atlas_otel.review.event import ReviewEvent
    from atlas_otel.review.rule import Review
    from atlas_otel.review.store import StaleReview
    from atlas_otel.ui.session_list import Row

_DID: Final = {
    "score": "scored",
    "note": "wrote a note",
    "tag": "put a tag on it",
    "untag": "took a tag off",
    "correction": "corrected an answer",
    "exclude": "excluded a call",
    "include": "took a call back in",
    "assign": "assigned it",
    "undo": "undid something",
}


def read_state(connection: psycopg.Connection[Any], session_id: int, needed: int) -> shapes.ReviewState:
    """The review of a session. Raises Refused (404) where it is gone."""
    rows = read_rows(connection, [session_id])
    if not rows:
        raise missing(f"there is no session {session_id}")
    events = read_events(connection, [session_id]).get(session_id, [])
    return state(rows[0], events, needed)


def state(row: Row, events: Sequence[ReviewEvent], needed: int) -> shapes.ReviewState:
    """What ``events`` come to for the session in ``row``."""
    found = review(events, row.content, needed=needed)
    reserved = row.reserved_by, row.reserved_until
    return shapes.ReviewState(
        session=row.id,
        revision=revision(row.content, found.last_event),
        status=row.review_status.lower(),
        notes=found.notes,
        verdicts=[
            shapes.Opinion(by=one.reviewer, verdict=one.verdict, at=one.at, final=one.final)
            for one in found.verdicts
            if one.verdict is not None
        ],
        verdicts_needed=found.needed,
        tie=found.tie,
        changed_after_review=found.changed,
        changes=[Change(at=None, by=None, what=CHANGED)] if found.changed else [],
        scores=[
            shapes.Score(by=one.reviewer, criterion=one.criterion or "", step=one.step_id, score=one.score)
            for one in found.scores
            if one.score is not None
        ],
        step_notes=[
            shapes.StepNote(by=one.reviewer, step=one.step_id, text=one.text or "")
            for one in found.step_notes
            if one.step_id is not None
        ],
        tags=list(found.tags),
        corrections=[
            shapes.Correction(by=one.reviewer, span=one.span_id or "", text=one.text or "") for one in found.corrections
        ],
        excluded=[
            shapes.Excluded(by=one.reviewer, span=one.span_id or "", why=one.text or "") for one in found.excluded
        ],
        assigned_to=found.assigned_to,
        reservation=Reservation(by=reserved[0], until=reserved[1]) if reserved[0] and reserved[1] else None,
        events=[_event(one, found, row.content) for one in events],
    )


CHANGED: Final = "the session's records changed"


def conflict(stale: StaleReview) -> Refused:
    """The answer to who decided on what a session was."""
    changes = [Change(at=one.at, by=one.reviewer, what=what(one)) for one in stale.events]
    if stale.now.revision != stale.seen.revision:
        changes.append(Change(at=None, by=None, what=CHANGED))
    now = revision(stale.now.revision, stale.now.last_event)
    return Refused(409, "conflict", str(stale), revision=now, changes=changes)


def what(event: ReviewEvent) -> str:
    """What somebody did, in words."""
    if event.kind == "verdict":
        return event.verdict or "decided"
    return _DID[event.kind]


def seen(text: str) -> Seen:
    """The revision that a request was made on; its form was checked."""
    content, _, last = text.partition("-")
    return Seen(int(content[1:]), int(last[1:]))


def act(action: shapes.Action) -> Act:
    """An action of a request, as it is stored."""
    if isinstance(action, shapes.VerdictAction):
        return Act("verdict", verdict=action.verdict, final=action.final)
    if isinstance(action, shapes.ScoreAction):
        return Act("score", criterion=action.criterion, score=action.score, step_id=action.step)
    if isinstance(action, shapes.NoteAction):
        return Act("note", text=action.text, step_id=action.step)
    if isinstance(action, shapes.TagAction):
        return Act(action.kind, text=action.tag)
    if isinstance(action, shapes.CorrectionAction):
        return Act("correction", span_id=action.span, text=action.text)
    if isinstance(action, shapes.ExcludeAction):
        return Act(action.kind, span_id=action.span, text=action.text)
    if isinstance(action, shapes.AssignAction):
        return Act("assign", text=action.to)
    return Act("undo", undoes=action.event)


def _event(one: ReviewEvent, found: Review, content: int) -> shapes.ReviewEvent:
    return shapes.ReviewEvent(
        id=one.id,
        at=one.at,
        by=one.reviewer,
        via=one.via,
        kind=one.kind,
        revision=f"c{one.revision}",
        verdict=one.verdict,
        final=one.final,
        criterion=one.criterion,
        score=one.score,
        step=one.step_id,
        span=one.span_id,
        text=one.text,
        undoes=one.undoes,
        undone=one.id in found.undone,
        stale=one.revision < content,
    )
