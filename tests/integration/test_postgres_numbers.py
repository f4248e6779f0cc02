"""Sessions are numbered in the order in which they began, whatever order their keys and records have."""

from __future__ import annotations

import psycopg

import atlas_otel as atlas
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording


def test_numbers_follow_the_begin_of_sessions(database_url: str) -> None:
    keys = iter("zam")
    with recording(new_key=lambda: next(keys)) as recorded:
        for task in ("first", "second", "third"):
            with atlas.session(task, name="s"):
                pass
    with PostgresStore(database_url) as store:
        store.write(recorded.all[::-1])
        assert store.project() == 3
    with psycopg.connect(database_url) as connection:
        tasks = connection.execute("SELECT task FROM sessions ORDER BY id").fetchall()
    assert tasks == [("first",), ("second",), ("third",)]
