"""Sessions recorded in memory, as a reader of the database would give them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.stored import StoredAttempt, StoredEvent, StoredSession, StoredStep
from tests.support.exported_lines import assert_no_empty_message

if TYPE_CHECKING:
    from atlas_otel.models.rows import SessionRows
    from atlas_otel_exporters.formats import FormatName
    from atlas_otel_exporters.training.options import RowOptions

Json = dict[str, Any]


def stored(rows: SessionRows, number: int = 5, key: str = "k") -> StoredSession:
    """Rows as a reader would give them."""

    def text(value: object) -> bytes | None:
        return None if value is None else json.dumps(value).encode()

    events = []
    for position, row in enumerate(rows.events):
        payload = json.loads(row.event)["payload"]
        kind, name = payload["event_type"], payload["name"]
        events.append(StoredEvent(1, position, row.event.encode(), datetime.now(timezone.utc), kind, name, None))
    steps = [
        StoredStep(
            one.step_id,
            one.trace,
            one.output,
            text(one.evaluation),
            one.attempts,
            text(one.metadata),
            [StoredAttempt(a.attempt, text(a.evaluation)) for a in rows.attempts if a.step_id == one.step_id],
            [g.note for g in rows.guidance if g.step_id == one.step_id],
        )
        for one in rows.steps
    ]
    row = rows.session
    json_columns = (text(row.reward), text(row.reward_stats), text(row.reward_audit))
    reviewed = (row.review_status, row.review_notes, text(row.metadata), row.final_answer)
    learnt = (None, None)
    times = (row.created_at, row.completed_at)
    held = (text(rows.plan), steps, events, len(events))
    return StoredSession(number, key, row.task, row.status, *reviewed, *json_columns, *learnt, *times, *held)


def lines(name: FormatName, rows: SessionRows, options: RowOptions | None = None) -> list[Json]:
    """The lines that a session makes by itself. None of them holds an empty message."""
    found = [json.loads(line) for line in format_named(name, options)(stored(rows))]
    assert_no_empty_message(found)
    return found


def lines_of_conversation(name: FormatName, runs: list[SessionRows], options: RowOptions | None = None) -> list[Json]:
    """The lines that sessions of one conversation make together; they are numbered as those of ``lines_of_runs``."""
    format = format_named(name, options)
    for number, rows in enumerate(runs, start=1):
        assert format.hold(stored(rows, number, f"k{number}")) is None
    found = [json.loads(line) for line in format.joined()]
    assert_no_empty_message(found)
    assert list(format.joined()) == []
    return found


def lines_of_runs(name: FormatName, runs: list[SessionRows], options: RowOptions | None = None) -> list[Json]:
    """The lines that several runs of a task make together; the first is session 1, of the key ``k1``, and so on."""
    sessions = [stored(rows, number, f"k{number}") for number, rows in enumerate(runs, start=1)]
    found = [json.loads(line) for line in format_named(name, options).lines_of_runs(sessions)]
    assert_no_empty_message(found)
    return found
