"""Verifying reads sessions some at a time; what it says is what reading them one by one says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import orjson
import psycopg
import pytest

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel.errors import UsageError
from atlas_otel.postgres.sessions import keys_of
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel.testing import recording
from atlas_otel_exporters import export_jsonl, verify
from atlas_otel_exporters.differences import Difference, compare_json, compare_rows
from atlas_otel_exporters.encode import encode_session
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import Selection

TAMPER = (
    "UPDATE sessions SET final_answer = 'forged' WHERE id = 2",
    "UPDATE sessions SET metadata = metadata || '{\"forged\": [1]}' WHERE id = 3",
    "UPDATE plans SET plan = '{}' WHERE session_id = 3",
    "UPDATE step_results SET output = 'forged' WHERE session_id = 4 AND step_id = 2",
    "DELETE FROM step_results WHERE session_id = 5 AND step_id = 1",
    "DELETE FROM step_attempts WHERE session_id = 6 AND attempt = 2",
    "UPDATE guidance_notes SET note = 'forged' WHERE session_id = 7",
    "UPDATE trajectory_events SET event = event || '{\"forged\": true}'"
    " WHERE id = (SELECT max(id) FROM trajectory_events WHERE session_id = 8)",
    "DELETE FROM trajectory_events WHERE id = (SELECT min(id) FROM trajectory_events WHERE session_id = 9)",
    "UPDATE step_results SET metadata = jsonb_set(metadata, '{forged}', 'null') WHERE session_id = 10",
    "DELETE FROM sessions WHERE id = 11",
)


@pytest.fixture
def keys(database_url: str) -> list[str]:
    """Twelve sessions, by their numbers; most of them are of other sizes."""
    with recording() as recorded:
        for number in range(12):
            with atlas.session(f"task {number}"):
                for step in range(1, 3 + number % 3):
                    with atlas.step(f"step {step}", id=step), atlas.tool("look") as tool:
                        tool.output = {"found": number, "deep": [{"truth": True, "one": 1}]}
                atlas.add_guidance("again", step=1)
                with atlas.step("step 1", id=1):
                    atlas.emit_event("tick", {"number": number})
                atlas.record_reward(number / 10, step=1)
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        while store.project():
            pass
    return keys_of(database_url, [])


def tamper(url: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in TAMPER:
            assert connection.execute(statement.encode()).rowcount > 0, statement


def one_by_one(url: str, keys: list[str]) -> list[verify.Verified]:
    with PostgresStore(url) as store:
        return [
            verify.Verified(key, list(compare_rows(key, project(store.records(key)), store.rows(key)))) for key in keys
        ]


@pytest.mark.parametrize(("chunk", "jobs"), [(1, 1), (40, 1), (1_000_000, 1), (40, 2)])
def test_the_database_differs_in_what_was_tampered_with(
    keys: list[str], database_url: str, monkeypatch: pytest.MonkeyPatch, chunk: int, jobs: int
) -> None:
    monkeypatch.setattr(verify, "CHUNK_RECORDS", chunk)
    monkeypatch.setattr(verify, "_CHUNK_SESSIONS", 3)
    assert list(verify.verify_database(database_url, keys, jobs=jobs)) == [verify.Verified(key, []) for key in keys]

    tamper(database_url)
    asked = [*keys[::-1], "nobody"]
    found = list(verify.verify_database(database_url, [*asked, keys[0]], jobs=jobs))

    assert found == one_by_one(database_url, asked)
    assert {one.session for one in found if one.differences} == set(keys[1:11])


def test_rows_that_are_still_to_follow_their_records_are_not_compared(keys: list[str], database_url: str) -> None:
    late, unsettled, broken = keys[:3]
    with PostgresStore(database_url) as store, recording() as recorded:
        atlas.record_reward(1.0, session_id=late)
        store.write(recorded.all)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE atlas_otel.sessions SET settles_at = now() WHERE key = %s", [unsettled])
        connection.execute("UPDATE atlas_otel.sessions SET projection_error = 'Broken: x' WHERE key = %s", [broken])

    assert list(verify.verify_database(database_url, keys[:4])) == [
        verify.Verified(late, [], waits=True),
        verify.Verified(unsettled, [], waits=True),
        verify.Verified(broken, [Difference(broken, "rows", "computed from the records", "not so: Broken: x")]),
        verify.Verified(keys[3], []),
    ]
    assert main(["verify", "--database-url", database_url]) == 1


@pytest.mark.parametrize("chunk", [1, 50_000, 1 << 30])
@pytest.mark.parametrize("name", ["lines.jsonl", "lines.jsonl.gz"])
def test_lines_differ_in_what_was_tampered_with(
    keys: list[str], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, name: str
) -> None:
    monkeypatch.setattr(verify, "CHUNK_BYTES", chunk)
    path = tmp_path / name
    export_jsonl(path, database_url=database_url, review_statuses=None)
    assert list(verify.verify_file(database_url, path)) == [[]] * 12

    tamper(database_url)
    outcomes = list(verify.verify_file(database_url, path))

    with open_reader(database_url) as reader, reader.snapshot():
        for outcome, key, line in zip(outcomes, keys, lines_of(path), strict=True):
            try:
                (stored,) = reader.sessions(Selection(session_ids=(key,), review_statuses=None))
            except UsageError:
                expected = [Difference(key, "line", "no such session in the database", "a line")]
            else:
                expected = list(compare_json(key, "line", orjson.loads(encode_session(stored)), line))
            assert outcome == expected
    assert [bool(outcome) for outcome in outcomes] == [False, *[True] * 10, False]


def test_a_sessions_last_line_counts_whatever_it_was_numbered(
    keys: list[str], database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "lines.jsonl"
    export_jsonl(path, database_url=database_url, review_statuses=None)
    lines = [{**line, "revision": number} for number, line in enumerate(lines_of(path))]
    stale = [{**line, "task": "stale"} for line in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*stale[:6], *lines, stale[11]]))

    outcomes = list(verify.verify_file(database_url, path, keys[:2] + keys[10:]))

    assert [[one.place for one in outcome] for outcome in outcomes] == [[], [], [], ["line.task"]]


def lines_of(path: Path) -> list[dict[str, object]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [orjson.loads(line) for line in text.splitlines()]
