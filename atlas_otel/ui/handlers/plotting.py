"""Plots from rollups, clusters of failures by day, and how fast review goes."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import UsageError
from atlas_otel.postgres.statements import statement
from atlas_otel.ui.clusters import Failing, cluster_id, clusters_of
from atlas_otel.ui.numbers import groups
from atlas_otel.ui.shapes import plots as shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.look.failures import FailureCluster
    from atlas_otel.ui.asking import Answered, Ask

_PACKAGE: Final = "atlas_otel.ui"
_DAYS: Final = 30
_MOST_DAYS: Final = 400
_FAILING: Final = 20_000
"""Sessions with failures that are looked at, the newest."""


def plots(ask: Ask) -> shapes.Plots:
    """Numbers by day."""
    query = ask.queried(shapes.PlotQuery)
    days = _days(query.since, query.until)
    asked = {"by": query.by, "since": days[0], "until": days[-1] + timedelta(days=1), "name": query.name}
    rows = ask.connection.execute(statement("plots", _PACKAGE), asked)
    found = groups(rows, days, query.groups)
    row = ask.connection.execute(statement("behind", _PACKAGE)).fetchone()
    assert row is not None
    return shapes.Plots(as_of=row[0], days=days, by=query.by, groups=found, behind=row[1])


def failures(ask: Ask) -> shapes.Failures:
    """Clusters of failures, the most frequent first."""
    query = ask.queried(shapes.FailureQuery)
    days = _days(query.since, query.until)
    asked = {"since": days[0], "until": days[-1] + timedelta(days=1), "limit": _FAILING}
    held: dict[str, FailureCluster] = {}
    counts: Counter[tuple[str, date]] = Counter()
    sessions: Counter[str] = Counter()
    for row in ask.connection.execute(statement("failing_days", _PACKAGE), asked):
        session = Failing(*row)
        day = session.created_at.astimezone(timezone.utc).date()
        for cluster in clusters_of(session):
            name = cluster_id(cluster)
            held.setdefault(name, cluster)
            counts[name, day] += cluster.count
            sessions[name] += 1
    found = [_cluster(name, held[name], counts, sessions[name], days) for name in held]
    found.sort(key=lambda one: (-one.count, one.id))
    return shapes.Failures(days=days, clusters=found[: query.limit])


def _cluster(
    name: str, one: FailureCluster, counts: Counter[tuple[str, date]], sessions: int, days: list[date]
) -> shapes.FailureClusterView:
    by_day = [counts[name, day] for day in days]
    seen = [day for day, count in zip(days, by_day, strict=True) if count]
    return shapes.FailureClusterView(
        id=name,
        kind=one.kind,
        name=one.name,
        error_type=one.error_type,
        message=one.message,
        count=sum(by_day),
        sessions=sessions,
        first_day=seen[0],
        last_day=seen[-1],
        example_session=one.example_session,
        counts=by_day,
    )


def throughput(ask: Ask) -> shapes.Throughput:
    """What each reviewer decided, by day."""
    query = ask.queried(shapes.FailureQuery)
    days = _days(query.since, query.until)
    place = {day: number for number, day in enumerate(days)}
    held: dict[str, list[list[int]]] = {}
    asked = {"since": days[0], "until": days[-1] + timedelta(days=1)}
    for day, reviewer, *numbers in ask.connection.execute(statement("throughput", _PACKAGE), asked):
        columns = held.setdefault(reviewer, [[0] * len(days) for _ in range(3)])
        for column, number in zip(columns, numbers, strict=True):
            column[place[day]] = number
    waiting = ask.connection.execute(statement("waiting", _PACKAGE)).fetchone()
    assert waiting is not None
    return shapes.Throughput(
        days=days,
        reviewers=[
            shapes.ReviewerDays(reviewer=name, approved=one[0], quarantined=one[1], corrections=one[2])
            for name, one in sorted(held.items(), key=lambda item: (-sum(map(sum, item[1])), item[0]))[: query.limit]
        ],
        waiting=waiting[0],
    )


def _days(since: date | None, until: date | None) -> list[date]:
    """The days from ``since`` on, before ``until``; without either, the last 30. Raises UsageError where it is none."""
    try:
        end = until or (since + timedelta(days=_DAYS) if since else _today() + timedelta(days=1))
        begin = since or end - timedelta(days=_DAYS)
        count = (end - begin).days
    except OverflowError:
        raise UsageError("since and until: no such days") from None
    if not 1 <= count <= _MOST_DAYS:
        raise UsageError(f"since and until are {count} days apart; it has to be from 1 to {_MOST_DAYS}")
    return [begin + timedelta(days=number) for number in range(count)]


def _today() -> date:
    return datetime.now(timezone.utc).date()


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {
    "plots": plots,
    "failures": failures,
    "throughput": throughput,
}
