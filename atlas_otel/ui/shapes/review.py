"""Review: what reviewers said, and what it comes to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from atlas_otel.ui.shapes.base import Answer, Asked, Change, Revision
from atlas_otel.ui.shapes.sessions import Name, Reservation, SessionQuery

Verdict = Literal["approved", "quarantined", "pending"]
Text = Annotated[str, Field(min_length=1, max_length=100_000)]
Tag = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
SpanId = Annotated[str, Field(min_length=1, max_length=64, examples=["00f067aa0ba902b7"])]
EventId = Annotated[int, Field(ge=1, le=2**53 - 1)]
StepId = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


class VerdictAction(Asked):
    """Approve, quarantine, or let the session wait again. ``final`` settles it whatever others said: for admins."""

    kind: Literal["verdict"]
    verdict: Verdict
    final: bool = False


class ScoreAction(Asked):
    """A score on a criterion of the rubric, for the session, or for one step."""

    kind: Literal["score"]
    criterion: Annotated[str, Field(min_length=1, max_length=100)]
    score: float = Field(allow_inf_nan=False)
    step: StepId | None = None


class NoteAction(Asked):
    """A note on the session, or on one step. The last one on the session is its ``review_notes``."""

    kind: Literal["note"]
    text: Text
    step: StepId | None = None


class TagAction(Asked):
    """Put a tag on the session, or take it off."""

    kind: Literal["tag", "untag"]
    tag: Tag


class CorrectionAction(Asked):
    """A better answer than the one that a model call gave: becomes a preference pair."""

    kind: Literal["correction"]
    span: SpanId
    text: Text


class ExcludeAction(Asked):
    """Keep a model call out of training, or take it back in."""

    kind: Literal["exclude", "include"]
    span: SpanId
    text: Annotated[str, Field(max_length=2000, description="Why.")] = ""


class AssignAction(Asked):
    """Ask a reviewer to look at the session; null takes it back."""

    kind: Literal["assign"]
    to: Annotated[str, Field(min_length=1, max_length=200)] | None


class UndoAction(Asked):
    """Make an event as if it had not been; of an undo, bring back what it undid. Others' events: for admins."""

    kind: Literal["undo"]
    event: EventId


Action = Annotated[
    VerdictAction | ScoreAction | NoteAction | TagAction | CorrectionAction | ExcludeAction | AssignAction | UndoAction,
    Field(discriminator="kind"),
]


class ReviewBody(Asked):
    """What a reviewer decided on a session as it was at ``revision``: all of it is done, or none."""

    revision: Revision
    actions: list[Action] = Field(min_length=1, max_length=100)


class ReviewEvent(Answer):
    """One thing that somebody did. ``undone``: it counts no more. ``stale``: the session has changed since."""

    id: int
    at: datetime
    by: str
    via: Literal["page", "command", "assistant", "database"]
    kind: Literal["verdict", "score", "note", "tag", "untag", "correction", "exclude", "include", "assign", "undo"]
    revision: str = Field(description="Of the session's content, as it was then.")
    verdict: Verdict | None
    final: bool
    criterion: str | None
    score: float | None
    step: int | None
    span: str | None
    text: str | None = Field(description="The note, tag, correction, reason, or whom it was assigned to.")
    undoes: int | None
    undone: bool
    stale: bool


class Opinion(Answer):
    """A reviewer's last verdict that counts."""

    by: str
    verdict: Verdict
    at: datetime
    final: bool


class Score(Answer):
    """A reviewer's last score on a criterion."""

    by: str
    criterion: str
    step: int | None
    score: float


class StepNote(Answer):
    """A reviewer's last note on a step."""

    by: str
    step: int
    text: str


class Correction(Answer):
    """The last correction of a model call."""

    by: str
    span: str
    text: str


class Excluded(Answer):
    """A model call that stays out of training."""

    by: str
    span: str
    why: str


class ReviewState(Answer):
    """What all that was said on a session comes to."""

    session: int
    revision: Revision
    status: str
    notes: str | None
    verdicts: list[Opinion]
    verdicts_needed: int
    tie: bool
    changed_after_review: bool
    changes: list[Change] = Field(description="Why it waits again.")
    scores: list[Score]
    step_notes: list[StepNote]
    tags: list[str]
    corrections: list[Correction]
    excluded: list[Excluded]
    assigned_to: str | None
    reservation: Reservation | None
    events: list[ReviewEvent] = Field(description="Oldest first.")


class ReserveBody(Asked):
    """For how long; the server's own time-out where none is given."""

    minutes: int | None = Field(default=None, ge=1, le=240)


class NextBody(Asked):
    """The next session of a query that nobody else looks at, in the order of attention; reserved for who asks."""

    query: SessionQuery = SessionQuery()
    skip: list[Annotated[int, Field(ge=1, le=2**53 - 1)]] = Field(default=[], max_length=1000)
    order: Literal["attention", "newest", "oldest"] = "attention"


class NextSession(Answer):
    """Null where nothing waits."""

    session: int | None
    left: int = Field(description="How many wait beside it; at most 1,000 are counted.")


BulkAction = Annotated[VerdictAction | TagAction | NoteAction | AssignAction, Field(discriminator="kind")]


class BulkPreviewBody(Asked):
    """What would be done to every session of a query."""

    query: SessionQuery
    action: BulkAction


class BulkPreview(Answer):
    """How many sessions it is, and the token by which it is confirmed."""

    count: int
    token: str
    expires_at: datetime
    sample: list[int] = Field(description="Some of the sessions.")


class BulkBody(Asked):
    """The same query and action, with the preview's token: done only while the sessions are the same."""

    query: SessionQuery
    action: BulkAction
    token: Annotated[str, Field(min_length=1, max_length=500)]


class BulkResult(Answer):
    """How many sessions it was done to."""

    done: int


class PairKappa(Answer):
    """Cohen's kappa of two reviewers; null where it is not defined."""

    a: Name
    b: Name
    sessions: int
    kappa: float | None


class CriterionAgreement(Answer):
    """How far reviewers agree on a criterion, or on the verdict. ``fleiss`` is over all of them."""

    criterion: str
    per: Literal["session", "step"]
    subjects: int = Field(description="What at least two reviewers rated.")
    reviewers: int
    agreement: float | None = Field(description="The share of pairs of ratings that are the same.")
    fleiss: float | None
    cohen: list[PairKappa]


class Agreement(Answer):
    """Agreement on the verdict (criterion ``verdict``) and on each criterion."""

    criteria: list[CriterionAgreement]
