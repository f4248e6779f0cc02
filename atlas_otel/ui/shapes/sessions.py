"""The queue: which sessions, why each is worth a look, how many there are, and filters that were kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from atlas_otel.ui.shapes.base import Answer, Asked, Revision

Status = Literal["running", "succeeded", "failed"]
ReviewStatus = Literal["pending", "approved", "quarantined"]
ReasonCode = Literal[
    "drift",
    "rejected_attempts",
    "judge_disagreement",
    "low_reward",
    "missing_reward",
    "unusual_length",
    "failure_cluster",
    "new_task_group",
    "changed_after_review",
    "tie",
]
LineFormat = Literal[
    "atlas", "chat", "preference", "rl", "kto", "tokens", "openai", "openai-preference", "verl", "atif", "hf-traces"
]
"""What a session is written as for training: every format of an export but ``otlp``, which holds records."""
Order = Literal["attention", "newest", "oldest"]
Name = Annotated[str, Field(min_length=1, max_length=500)]


class SessionQuery(Asked):
    """Conditions that all have to hold; null asks for nothing. Names are whole names; text is part of any text."""

    status: Status | None = None
    review_status: ReviewStatus | None = None
    since: datetime | None = Field(default=None, description="Started then or later; with a time zone.")
    until: datetime | None = Field(default=None, description="Started before.")
    agent: Name | None = None
    model: Name | None = None
    tool: Name | None = None
    learning_key: Name | None = None
    tag: Name | None = Field(default=None, description="Of the session's own tags, or a reviewer's.")
    min_reward: float | None = Field(default=None, allow_inf_nan=False)
    max_reward: float | None = Field(default=None, allow_inf_nan=False)
    failed: bool = Field(default=False, description="Only where the session, a step or a call failed.")
    text: Name | None = Field(
        default=None, description="In task, answer, messages, arguments, results or errors, in any language."
    )
    conversation: Name | None = None
    reason: ReasonCode | None = Field(default=None, description="Only with this reason to look.")
    cluster: Name | None = Field(default=None, description="Only with a failure of this cluster (its id).")
    assigned_to: Name | None = Field(default=None, description="A reviewer's name; `-` for nobody's.")
    reviewed_by: Name | None = Field(default=None, description="With a verdict of this reviewer that counts.")


class SessionPageQuery(SessionQuery):
    """A query, and which page of its sessions."""

    order: Order = "newest"
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=200, description="`next_cursor` of the page before.")


class Reason(Answer):
    """Why a session is worth a look. ``detail`` is for a person."""

    code: ReasonCode
    detail: str = Field(examples=["2 attempts were rejected"])


class Reservation(Answer):
    """Somebody looks at the session just now; nobody else's until it runs out."""

    by: str
    until: datetime


class SessionItem(Answer):
    """One session in a list. ``task`` and ``answer`` are their first 200 characters."""

    id: int
    key: str | None = Field(description="null for a session of another program.")
    revision: Revision
    task: str
    answer: str
    status: str
    review_status: str
    created_at: datetime
    completed_at: datetime | None
    seconds: float | None
    agent: str | None
    models: list[str]
    tools: list[str]
    tags: list[str]
    learning_key: str | None
    task_group: str | None
    reward: float | None
    reward_spread: float | None = Field(description="Standard deviation over the judges' samples.")
    steps: int
    attempts: int
    rejected: int = Field(description="Attempts that validation rejected.")
    failures: int = Field(description="Steps and calls that failed.")
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    attention: int = Field(description="The weight of its reasons: what is worth a look first has more.")
    reasons: list[Reason]
    verdicts: int = Field(description="Reviewers whose verdict counts.")
    verdicts_needed: int
    tie: bool
    changed_after_review: bool
    assigned_to: str | None
    reservation: Reservation | None
    content: bool = Field(description="False where the program recorded no content.")


class SessionPage(Answer):
    """Sessions in order, and where the next page begins."""

    sessions: list[SessionItem]
    next_cursor: str | None


class Counts(Answer):
    """How many sessions of a query there are. ``total`` is exact up to ``counted_to``, else at least that."""

    total: int
    counted_to: int
    pending: int
    approved: int
    quarantined: int
    running: int
    succeeded: int
    failed: int
    ties: int
    changed_after_review: int
    assigned_to_me: int


class Facets(Answer):
    """The names that filters may take, the most used first."""

    agents: list[str]
    models: list[str]
    tools: list[str]
    learning_keys: list[str]
    tags: list[str]
    reviewers: list[str]


class FilterBody(Asked):
    """A filter to keep."""

    query: SessionQuery
    order: Order = "attention"
    shared: bool = Field(default=False, description="Whether others see it.")


class SavedFilter(Answer):
    """A filter that somebody kept under a name."""

    name: str
    owner: str
    shared: bool
    order: Order
    query: SessionQuery


class SavedFilters(Answer):
    """One's own filters, and those that others share."""

    filters: list[SavedFilter]


class Changes(Answer):
    """What is new since ``cursor``: sessions that appeared or changed, newest change first."""

    cursor: str = Field(description="To be given the next time.")
    running: int = Field(description="How many sessions run now.")
    more: bool = Field(description="More changed than are listed: read the list again.")
    sessions: list[SessionItem]


class ChangesQuery(Asked):
    """From where on."""

    since: str | None = Field(default=None, max_length=200, description="`cursor` of the answer before.")
