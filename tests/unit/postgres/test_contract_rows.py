"""A row as JSON is the row: what the statements that compare it are given."""

from __future__ import annotations

from datetime import datetime, timezone

import orjson
import pytest

from atlas_otel.models.rows import GuidanceRow, SessionRow, StepAttemptRow, StepResultRow, TrajectoryEventRow
from atlas_otel.postgres import contract_rows


def test_every_column_has_its_value() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone.utc)
    session = SessionRow(task="é", status="running", metadata={"a": [1, None]}, created_at=now, reward={"score": 0.5})
    found = orjson.loads(contract_rows.row_to_json(session, id=7))
    assert (found["id"], found["task"], found["metadata"]) == (7, "é", {"a": [1, None]})
    assert datetime.fromisoformat(found["created_at"]) == now
    assert found["completed_at"] is None
    step = orjson.loads(contract_rows.row_to_json(StepResultRow(1, "t", "o", None, 2, {}), session_id=7))
    assert step == {
        **{"session_id": 7, "step_id": 1, "trace": "t", "output": "o"},
        **{"evaluation": None, "attempts": 2, "metadata": {}},
    }
    attempt = orjson.loads(contract_rows.row_to_json(StepAttemptRow(1, 2, {"reward": None}), session_id=7))
    assert attempt == {"session_id": 7, "step_id": 1, "attempt": 2, "evaluation": {"reward": None}}
    note = orjson.loads(contract_rows.row_to_json(GuidanceRow(1, 3, "n"), session_id=7))
    assert note == {"session_id": 7, "step_id": 1, "sequence": 3, "note": "n"}


def test_an_event_stands_in_its_json_as_it_is() -> None:
    shown, known = contract_rows.changed_event(5, 7, TrajectoryEventRow(1_700_000_000_123_456_789, "k", '{"n":1e22}'))
    assert shown == b'{"id":5,"time_us":1700000000123456,"event":{"n":1e22}}'
    same = contract_rows.event_to_copy(5, 7, TrajectoryEventRow(1_700_000_000_123_456_789, "k", '{"n":1e22}'))[1]
    assert known == same


@pytest.mark.parametrize("text", ["\ud800"])
def test_what_is_no_text_is_refused(text: str) -> None:
    with pytest.raises(TypeError):
        contract_rows.row_to_json(GuidanceRow(1, 1, text), session_id=1)
