"""What waits in a spool, and its replay into a real database."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from atlas_otel import semconv
from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.errors import RetryableStoreError
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import RANK_ENDED, RANK_OPEN
from tests.support.records import make_span

TARGET = "database atlas at db.example"


def _journal(root: Path, spans: int, target: str = TARGET) -> SpoolJournal:
    """A process' spool: one open session and ended spans in it."""
    journal = SpoolJournal(Accounts(), target=target, root=root, segment_bytes=64 * 1024)
    for number in range(spans + 1):
        kind = "tool" if number else "session"
        start = 1_700_000_000_000_000_000 + number
        attributes = {semconv.ATLAS_KIND: kind, semconv.ATLAS_SESSION_ID: "5" * 32, semconv.ATLAS_TASK: "a task"}
        span = make_span(
            span_id=f"{number + 1:016x}",
            parent_span_id=f"{1:016x}" if number else None,
            session_key="5" * 32,
            kind=kind,
            start_ns=start,
            end_ns=start + 9 if number else None,
            attributes={**attributes, "text": "x" * 1000},
            scope=semconv.SCOPE_NAME,
            rank=RANK_ENDED if number else RANK_OPEN,
            version=start,
        )
        assert journal.append(span)
    return journal


def test_status_tells_living_and_dead_by_database_and_changes_nothing(tmp_path):
    living = _journal(tmp_path, 10)
    dead = _journal(tmp_path, 200)
    dead._owner.close()
    _journal(tmp_path, 5, "database other at db.example")._owner.close()
    before = sorted(tmp_path.rglob("*"))
    found = {target.target: target for target in status(tmp_path)}
    assert sorted(tmp_path.rglob("*")) == before
    assert set(found) == {TARGET, "database other at db.example"}
    owners = {owner.token: owner for owner in found[TARGET].owners}
    assert owners[living._owner.token].alive
    assert owners[living._owner.token].records == 11
    gone = owners[dead._owner.token]
    assert (gone.alive, gone.records, gone.damaged) == (False, 201, 0)
    assert gone.segments > 1
    assert gone.bytes >= gone.segments * 64 * 1024
    assert gone.identity is not None
    assert gone.identity.pid == os.getpid()
    assert status(tmp_path / "nothing") == []


def test_replay_stores_the_dead_ones_records_marks_its_open_session_and_leaves_the_living_alone(tmp_path, database_url):
    living = _journal(tmp_path, 10)
    _journal(tmp_path, 200)._owner.close()
    told: list[int] = []
    with PostgresStore(database_url) as store:
        result = replay(store, TARGET, tmp_path, progress=told.append)
        assert replay(store, TARGET, tmp_path).owners == 0
    assert (result.owners, result.poisoned, result.damaged) == (1, 0, 0)
    assert result.stored == 202, "201 records, and the mark of the open session"
    assert told == sorted(told)
    assert told[-1] == 202
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM atlas_otel.spans").fetchone() == (201,)
        ((task, state, error),) = connection.execute("SELECT task, status, metadata::text FROM sessions").fetchall()
    assert (task, state) == ("a task", "failed")
    assert "abandoned" in error
    (target,) = status(tmp_path)
    assert [owner.token for owner in target.owners] == [living._owner.token]


def test_a_replay_that_fails_leaves_everything_for_the_next_one(tmp_path, database_url):
    _journal(tmp_path, 20)._owner.close()
    with pytest.raises(RetryableStoreError), PostgresStore("host=127.0.0.1 port=1 connect_timeout=1") as store:
        replay(store, TARGET, tmp_path)
    with PostgresStore(database_url) as store:
        assert replay(store, TARGET, tmp_path).stored == 22
