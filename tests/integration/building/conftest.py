"""What a database gives out beside the records, read back for sessions that are built without it."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from atlas_otel_exporters.building.projected import Given


@pytest.fixture
def given_by() -> Callable[[str], dict[str, Given]]:
    return _given_by


def _given_by(url: str) -> dict[str, Given]:
    with psycopg.connect(url) as connection:
        sessions = connection.execute(
            "SELECT o.key, s.id, s.review_status, s.review_notes,"
            " ARRAY(SELECT e.id FROM trajectory_events e WHERE e.session_id = s.id ORDER BY e.id)"
            " FROM atlas_otel.sessions o JOIN sessions s USING (id)"
        ).fetchall()
    return {
        key: Given(number, [one for event in events for one in (event, 1)], status, notes)
        for key, number, status, notes, events in sessions
    }
