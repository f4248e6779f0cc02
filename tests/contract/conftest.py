"""The stores under contract, each behind the same handle."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

import orjson
import psycopg
import pytest

from atlas_otel.models.rows import (
    GuidanceRow,
    ReviewStatus,
    SessionRow,
    SessionRows,
    StepAttemptRow,
    StepResultRow,
    TrajectoryEventRow,
)
from atlas_otel.records.record import encode_record
from tests.support.memory_store import MemoryStore
from tests.support.projecting_store import ProjectingStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlas_otel.records.record import Record, RecordSet
    from atlas_otel.records.store import Store

    Expected = Callable[[list[Record]], SessionRows | None]


class Subject(Protocol):
    """A store, and what a test does to it from outside."""

    store: Store

    def mark_dirty(self, sessions: list[str] | None = None) -> int: ...

    def review(self, session: str, status: ReviewStatus, notes: str) -> None: ...


def project(records: RecordSet) -> SessionRows | None:
    """A projection in which every span and event leaves a trace: a step per span of kind `step`, an event for each."""
    if not records.spans:
        return None
    first = min(records.spans.values(), key=lambda span: (span.start_ns, span.key))
    steps = sorted(span.name for span in records.spans.values() if span.kind == "step")
    return SessionRows(
        session=SessionRow(
            task=first.name,
            status="succeeded" if first.ended else "running",
            metadata={"spans": len(records.spans), "attributes": dict(first.attributes)},  # type: ignore[dict-item]
            created_at=datetime.fromtimestamp(first.start_ns // 1_000_000_000, timezone.utc),
            final_answer=first.status_message,
            reward={"score": len(records.events) / 7} if records.events else None,
        ),
        plan={"steps": [{"id": number, "description": name} for number, name in enumerate(steps, 1)]},
        steps=[
            StepResultRow(number, f"trace of {name}", name, {"validation": {"valid": True}}, 1, {"n": number})
            for number, name in enumerate(steps, 1)
        ],
        attempts=[StepAttemptRow(number, 1, None) for number, _ in enumerate(steps, 1)],
        guidance=[GuidanceRow(number, 1, f"mind {name}") for number, name in enumerate(steps, 1)],
        events=[
            TrajectoryEventRow(span.start_ns, f"s{span.span_id}", orjson.dumps({"name": span.name}).decode())
            for span in records.spans.values()
        ]
        + [
            TrajectoryEventRow(event.sequence, f"e{event.sequence}", encode_record(event).decode())
            for event in records.events.values()
        ],
    )


class _InMemory:
    def __init__(self) -> None:
        self.store = MemoryStore(project=project)
        self.mark_dirty = self.store.mark_dirty
        self.review = self.store.review


class _InPostgres:
    def __init__(self, url: str) -> None:
        self._url = url
        self.store = ProjectingStore(url, project)
        self.mark_dirty = self.store.mark_dirty

    def review(self, session: str, status: ReviewStatus, notes: str) -> None:
        with psycopg.connect(self._url) as connection:
            connection.execute(
                "UPDATE sessions SET review_status = %s, review_notes = %s "
                "WHERE id = (SELECT id FROM atlas_otel.sessions WHERE key = %s)",
                [status, notes, session],
            )


@pytest.fixture(params=["memory", "postgres"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Each kind of store, empty."""
    if request.param == "memory":
        yield _InMemory()
        return
    subject = _InPostgres(request.getfixturevalue("database_url"))
    yield subject
    subject.store.close()


@pytest.fixture
def expected() -> Expected:
    """What a store that was given everything at once and in order says of the session `s1`."""

    def rows(records: list[Record]) -> SessionRows | None:
        reference = MemoryStore(project=project)
        reference.write(records)
        reference.project()
        return reference.rows("s1")

    return rows
