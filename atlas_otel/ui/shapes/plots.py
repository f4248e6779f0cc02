"""Plots: numbers by day, from rollups."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from atlas_otel.ui.shapes.base import Answer, Asked
from atlas_otel.ui.shapes.sessions import Name, SessionQuery

By = Literal["all", "agent", "model", "tool", "learning_key", "tag"]


class PlotQuery(Asked):
    """Which days, in which groups. Without days: the last 30."""

    since: date | None = None
    until: date | None = Field(default=None, description="Not included.")
    by: By = "all"
    name: Name | None = Field(default=None, description="Only this group.")
    groups: int = Field(default=8, ge=1, le=50, description="The largest so many; the others are one group.")


class PlotGroup(Answer):
    """One group. Lists hold one value a day, null where nothing was measured. Times are in seconds.

    By model or tool, ``calls``, ``failed_calls``, tokens and percentiles are of its calls; else of whole sessions, and
    ``calls`` are null.
    """

    name: str = Field(description="Empty for all sessions.")
    rest: bool = Field(description="All groups that are not listed, together.")
    sessions: list[int]
    succeeded: list[int]
    failed: list[int]
    rewarded: list[int]
    reward_mean: list[float | None]
    reward_spread: list[float | None] = Field(description="Standard deviation.")
    retries: list[int]
    rejected: list[int]
    guided: list[int] = Field(description="Retries that followed guidance.")
    improved: list[int] = Field(description="Of these, those that passed, or scored higher.")
    gain_mean: list[float | None] = Field(description="How far guidance moved the score.")
    input_tokens: list[int]
    output_tokens: list[int]
    cost_usd: list[float | None]
    p50_seconds: list[float | None]
    p95_seconds: list[float | None]
    p99_seconds: list[float | None]
    calls: list[int | None]
    failed_calls: list[int | None]


class Plots(Answer):
    """Numbers by day (UTC). ``as_of``: what was computed until then is in them."""

    as_of: datetime
    days: list[date]
    by: By
    groups: list[PlotGroup]
    behind: int = Field(description="Sessions that are not in the numbers yet.")


class FailureQuery(Asked):
    """Which days. Without: the last 30."""

    since: date | None = None
    until: date | None = None
    limit: int = Field(default=30, ge=1, le=200)


class FailureClusterView(Answer):
    """Failures of one step, tool or model with one error type and one normalised message."""

    id: str = Field(description="For the filter `cluster`.")
    kind: str
    name: str
    error_type: str
    message: str
    count: int
    sessions: int
    first_day: date
    last_day: date
    example_session: int
    counts: list[int] = Field(description="By day.")


class Failures(Answer):
    """Clusters, the most frequent first."""

    days: list[date]
    clusters: list[FailureClusterView]


class ReviewerDays(Answer):
    """What one reviewer decided, by day."""

    reviewer: str
    approved: list[int]
    quarantined: list[int]
    corrections: list[int]


class Throughput(Answer):
    """How fast review goes. ``waiting`` is how many wait now."""

    days: list[date]
    reviewers: list[ReviewerDays]
    waiting: int


# --- side by side -----------------------------------------------------------------------------------------------------


class CompareSessionsQuery(Asked):
    """Two sessions, or steps (``12@2``), or attempts (``12@2.1``)."""

    left: Name
    right: Name


class ComparedLine(Answer):
    """A line of each side. ``mark``: the same, changed, only on the left, only on the right."""

    mark: Literal["=", "|", "<", ">"]
    left: str | None
    right: str | None


class ComparedSection(Answer):
    """What both sides say of one matter."""

    heading: str
    same: bool
    lines: list[ComparedLine]


class SessionComparison(Answer):
    """Two sessions side by side."""

    left: int
    right: int
    sections: list[ComparedSection]


class CompareGroupsBody(Asked):
    """Two sets of sessions."""

    left: SessionQuery
    right: SessionQuery


class GroupNumbers(Answer):
    """A set of sessions, in numbers."""

    sessions: int
    succeeded: int
    failed: int
    rewarded: int
    reward_mean: float | None
    reward_spread: float | None
    retries: int
    rejected: int
    guided: int
    improved: int
    gain_mean: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    steps_mean: float | None
    failures: int


class GroupComparison(Answer):
    """Two sets of sessions side by side."""

    left: GroupNumbers
    right: GroupNumbers
