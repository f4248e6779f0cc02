"""What goes wrong, and how often: failures of steps, tools and models, grouped by their normalised message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.rows import class_row

from atlas_otel import semconv
from atlas_otel.look.filters import query
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from atlas_otel.look.filters import SessionFilter

REJECTED: Final = "validation"
"""The error type of an attempt that validation rejected."""

_LONGEST: Final = 200
# What differs from one occurrence of an error to the next, widest pattern first.
_VARYING: Final = (
    (re.compile(r"https?://[^\s'\"<>]+"), "<url>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"(?<![\w.])/(?:[\w.@+-]+/)+[\w.@+-]*|\b[A-Za-z]:\\(?:[\w. @+-]+\\)*[\w.@+-]*"), "<path>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}\b"), "<hex>"),
    (re.compile(r"(?<![\w<])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"), "<n>"),
)


class Failure(NamedTuple):
    """One failure, as it is stored; ``uuid`` and ``parent`` are those of its intermediate step."""

    session_id: int
    session_key: str | None
    created_at: datetime
    event_type: str
    name: str
    uuid: str | None
    parent: str | None
    error_type: str
    message: str


class Rejection(NamedTuple):
    """One attempt that validation rejected."""

    session_id: int
    session_key: str | None
    created_at: datetime
    name: str
    message: str


@dataclass(slots=True)
class FailureCluster:
    """Failures of one step, tool or model with one error type and one normalised message.

    ``sessions`` counts sessions, ``count`` failures. ``example`` is a whole message, from ``example_session`` (its
    number in this database).
    """

    kind: str
    name: str
    error_type: str
    message: str
    count: int
    sessions: int
    first_seen: datetime
    last_seen: datetime
    example: str
    example_session: int


def failure_clusters(url: str, chosen: SessionFilter) -> list[FailureCluster]:
    """Clusters of what failed in the chosen sessions, the most frequent first. No model is asked.

    Raises ConfigError and StoreError where the database cannot be read.
    """
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection, connection.transaction():
        require_current(connection, url)
        with connection.cursor("failures", row_factory=class_row(Failure)) as failures:
            failures.execute(query("look_failures"), chosen.parameters())
            # An attempt that validation rejected is an error of its step, too: it is counted once, as a rejection.
            others = (failure for failure in failures if failure.error_type != semconv.ERROR_VALIDATION_FAILED)
            found = list(clusters(innermost(others)))
        with connection.cursor("rejections", row_factory=class_row(Rejection)) as rejections:
            rejections.execute(query("look_rejections"), chosen.parameters())
            found += clusters(
                Failure(*row[:3], "TASK_END", row.name, None, None, REJECTED, row.message) for row in rejections
            )
    return sorted(
        found, key=lambda cluster: (-cluster.count, cluster.kind, cluster.name, cluster.error_type, cluster.message)
    )


def innermost(failures: Iterable[Failure]) -> Iterator[Failure]:
    """Those that no call inside them caused: an error that passes through a tool, its step and its session is one.

    ``failures`` come session by session, each session's in the order in which they ended.
    """
    session: int | None = None
    raised: set[tuple[str | None, str, str]] = set()
    for failure in failures:
        if failure.session_id != session:
            session = failure.session_id
            raised.clear()
        caused_inside = (failure.uuid, failure.error_type, failure.message) in raised
        raised.add((failure.parent, failure.error_type, failure.message))
        if not caused_inside:
            yield failure


def clusters(failures: Iterable[Failure]) -> Iterable[FailureCluster]:
    """Failures in groups, in the order of each group's first failure. Those of one session come together."""
    found: dict[tuple[str, ...], FailureCluster] = {}
    last_session: dict[tuple[str, ...], int] = {}
    for failure in failures:
        kind = _KINDS.get(failure.event_type, "step")
        key = (kind, failure.name, failure.error_type, normalised(failure.message))
        known = found.get(key)
        if known is None:
            seen = failure.created_at
            found[key] = FailureCluster(*key, 1, 1, seen, seen, failure.message, failure.session_id)
        else:
            known.count += 1
            known.sessions += last_session[key] != failure.session_id
            known.first_seen = min(known.first_seen, failure.created_at)
            known.last_seen = max(known.last_seen, failure.created_at)
        last_session[key] = failure.session_id
    return found.values()


_KINDS: Final[dict[str, str]] = {
    "TOOL_END": "tool",
    "LLM_END": "model",
    "WORKFLOW_END": "session",
    "FUNCTION_END": "function",
    "SPAN_END": "function",
}


def normalised(message: str) -> str:
    """An error message without what differs from one occurrence to the next: its first line, at most 200 characters.

    >>> normalised("timeout after 30.5 s for https://api.example.org/v1/q?id=7 (request 6f1c2a9b44d0)")
    'timeout after <n> s for <url> (request <hex>)'
    """
    line = next((part.strip() for part in message.splitlines() if part.strip()), "")
    for varying, name in _VARYING:
        line = varying.sub(name, line)
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def to_json(cluster: FailureCluster) -> dict[str, Any]:
    """The cluster as JSON, times in ISO 8601."""
    return {
        name: value.isoformat() if hasattr(value := getattr(cluster, name), "isoformat") else value
        for name in FailureCluster.__slots__
    }
