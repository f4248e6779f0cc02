"""The export over a real database: what is taken, in which order, and how much is held at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest

from atlas_otel.errors import ConfigError, ExportError, RetryableStoreError, SchemaError, UsageError
from atlas_otel.postgres import migrate
from atlas_otel_exporters import ExportProgress, ExportSummary, export_jsonl
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import Selection

Json = dict[str, Any]


def export(url: str, folder: Path, **options: Any) -> tuple[list[Json], ExportSummary]:
    path = folder / "out.jsonl"
    summary = export_jsonl(path, database_url=url, **options)
    text = path.read_bytes() if summary.lines else b""
    assert len(text) == summary.bytes
    lines = [json.loads(line) for line in text.split(b"\n")[:-1]]
    assert len(lines) == summary.lines
    return lines, summary


def ids(lines: list[Json]) -> list[int]:
    return [line["session_metadata"]["session_id"] for line in lines]


@pytest.fixture
def many(database_url: str) -> str:
    """Twelve sessions: odd ones approved, every third failed, one an hour apart, rewards 0.1, 0.2, …; none for 12."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            """
            INSERT INTO sessions (task, status, review_status, created_at, reward_stats, metadata)
            SELECT 'task ' || n,
                   CASE WHEN n % 3 = 0 THEN 'failed' ELSE 'succeeded' END,
                   CASE WHEN n % 2 = 1 THEN 'approved' ELSE 'pending' END,
                   '2025-10-01 00:00+00'::timestamptz + n * interval '1 hour',
                   CASE WHEN n < 12 THEN jsonb_build_object('score', n / 10.0) END,
                   jsonb_build_object('learning_key', 'k' || n % 4)
            FROM generate_series(1, 12) n
            """
        )
        connection.execute(
            """
            INSERT INTO trajectory_events (session_id, event)
            SELECT s, jsonb_build_object('payload', jsonb_build_object('event_type', 'CUSTOM_START', 'n', e))
            FROM generate_series(1, 7) e, generate_series(1, 12) s
            """
        )
    return database_url


def hour(number: int) -> datetime:
    return datetime(2025, 10, 1, number, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 3, 5, 7, 9, 11]),
        ({"newest_first": True}, [11, 9, 7, 5, 3, 1]),
        ({"review_statuses": None, "newest_first": True, "limit": 2}, [12, 11]),
        ({"limit": 2}, [1, 3]),
        ({"limit": 2, "offset": 1}, [3, 5]),
        ({"offset": 4}, [9, 11]),
        ({"offset": 99}, []),
        ({"limit": 0}, []),
        ({"statuses": ["FAILED"]}, [3, 9]),
        ({"statuses": ["failed", "running"], "review_statuses": {"Pending"}}, [6, 12]),
        ({"since": hour(5), "until": hour(9)}, [5, 7]),
        ({"min_reward": 0.7}, [7, 9, 11]),
        ({"min_reward": 0.0, "review_statuses": None, "offset": 9}, [10, 11]),
        ({"learning_key": "k3", "review_statuses": None}, [3, 7, 11]),
        ({"session_ids": [7, "3", 3, 2]}, [3, 7]),
    ],
)
def test_which_sessions_are_taken(many: str, tmp_path: Path, options: Json, expected: list[int]) -> None:
    for batch_size in (1, 2, 100):
        lines, summary = export(many, tmp_path, batch_size=batch_size, **options)
        assert ids(lines) == expected
        assert summary.sessions == len(expected)
        asked = len(set(map(str, options.get("session_ids", range(12)))))
        assert summary.sessions + sum(summary.skipped.values()) == asked


def test_what_is_left_out_is_counted_by_reason(many: str, tmp_path: Path) -> None:
    _, summary = export(many, tmp_path, statuses=["succeeded"], min_reward=0.5, limit=1, offset=1)
    assert summary.skipped == {
        "status failed": 4,
        "review status pending": 4,
        "reward under --min-reward": 1,
        "before --offset": 1,
        "beyond --limit": 1,
    }


def test_the_same_data_gives_the_same_bytes(recorded_runs_url: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{size}.jsonl" for size in (1, 3, 100)]
    for size, path in zip((1, 3, 100), paths, strict=True):
        export_jsonl(path, database_url=recorded_runs_url, review_statuses=None, batch_size=size)
    assert len({path.read_bytes() for path in paths}) == 1
    assert paths[0].stat().st_size > 100_000


def test_every_event_is_there_unless_a_limit_is_asked_for(many: str, tmp_path: Path) -> None:
    (line,), summary = export(many, tmp_path, session_ids=[3])
    assert [event["event"]["payload"]["n"] for event in line["trajectory_events"]] == [1, 2, 3, 4, 5, 6, 7]
    assert summary.events == 7
    (line,), summary = export(many, tmp_path, session_ids=[3], trajectory_event_limit=2)
    assert [event["event"]["payload"]["n"] for event in line["trajectory_events"]] == [6, 7]
    assert line["session_metadata"]["trajectory_events_omitted"] == 5
    assert summary.events == 2
    (line,), _ = export(many, tmp_path, session_ids=[3], trajectory_event_limit=0)
    assert line["trajectory_events"] == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_each_session_has_its_own_events_in_order(many: str, tmp_path: Path, newest_first: bool) -> None:
    with psycopg.connect(many) as connection:
        connection.execute("DELETE FROM trajectory_events WHERE session_id IN (1, 6, 12)")
        connection.execute(
            """
            INSERT INTO trajectory_events (session_id, event)
            SELECT s, jsonb_build_object('of', s, 'n', e, 'text', repeat('x', 3000))
            FROM generate_series(1, 100) e, unnest('{2, 3, 11}'::int[]) s
            """
        )
    lines, _ = export(many, tmp_path, review_statuses=None, newest_first=newest_first)
    assert ids(lines) == (list(range(12, 0, -1)) if newest_first else list(range(1, 13)))
    for line in lines:
        session = line["session_metadata"]["session_id"]
        own = [[session, n] for n in range(1, 101)] if session in (2, 3, 11) else []
        found = [event["event"] for event in line["trajectory_events"]]
        assert [[event["of"], event["n"]] for event in found if "of" in event] == own
        assert len(found) == len(own) + (0 if session in (1, 6, 12) else 7)


def test_a_reader_that_is_left_among_the_events_can_be_asked_again(many: str) -> None:
    with psycopg.connect(many) as connection:
        connection.execute(
            """
            INSERT INTO trajectory_events (session_id, event)
            SELECT 1 + e % 12, jsonb_build_object('text', string_agg(md5((e * 1000 + n)::text), ''))
            FROM generate_series(1, 2400) e, generate_series(1, 100) n GROUP BY e
            """
        )
    with open_reader(many) as reader:
        with reader.snapshot():
            sessions = reader.sessions(Selection(review_statuses=None))
            first = next(sessions)
            sessions.close()
        with reader.snapshot():
            again = list(reader.sessions(Selection(review_statuses=None)))
    assert again[0] == first
    assert [len(session.events) for session in again] == [207] * 12


def test_events_of_any_shape_are_lifted_from_where_they_say_what_they_are(many: str, tmp_path: Path) -> None:
    shapes = [
        '{"payload": {"event_type": "LLM_END", "name": "a", "metadata": {"actor": "student"}}}',
        '{"event_type": "T", "name": "b", "actor": "teacher", "payload": {"event_type": "X", "name": "c"}}',
        '{"type": "U", "metadata": {"actor": "system"}, "payload": [1]}',
        '{"payload": "text", "metadata": 3}',
        "[1, 2]",
        '"text"',
        "null",
    ]
    with psycopg.connect(many) as connection:
        connection.execute("DELETE FROM trajectory_events WHERE session_id = 1")
        for shape in shapes:
            connection.execute("INSERT INTO trajectory_events (session_id, event) VALUES (1, %s)", [shape])
    (line,), _ = export(many, tmp_path, session_ids=[1])
    found = line["trajectory_events"]
    assert [event["event"] for event in found] == [json.loads(shape) for shape in shapes]
    lifted = [(event.get("type"), event.get("event_type"), event.get("name"), event.get("actor")) for event in found]
    assert lifted == [
        ("LLM_END", "LLM_END", "a", "student"),
        ("T", "T", "b", "teacher"),
        ("U", "U", None, "system"),
        *[(None, None, None, None)] * 4,
    ]


def test_scores_that_are_no_numbers_do_not_stop_an_export(many: str, tmp_path: Path) -> None:
    with psycopg.connect(many) as connection:
        connection.execute('UPDATE sessions SET reward = \'{"score": "high"}\' WHERE id = 12')
        connection.execute("UPDATE sessions SET reward = '[3]', metadata = '\"text\"' WHERE id = 11")
    lines, _ = export(many, tmp_path, min_reward=1.0, review_statuses=None)
    assert ids(lines) == [10, 11]


def test_a_session_can_be_named_by_its_key(many: str, tmp_path: Path) -> None:
    key = "0" * 31 + "7"
    with psycopg.connect(many) as connection:
        connection.execute("INSERT INTO atlas_otel.sessions (key, id, revision) VALUES (%s, 5, 1)", [key])
    lines, _ = export(many, tmp_path, session_ids=[key])
    assert ids(lines) == [5]
    with pytest.raises(UsageError, match="99, nobody"):
        export(many, tmp_path, session_ids=[5, 99, "nobody"])
    assert ids([json.loads((tmp_path / "out.jsonl").read_bytes())]) == [5]  # the file of before


def test_one_session_that_cannot_be_read_does_not_cost_the_others(many: str, tmp_path: Path) -> None:
    with psycopg.connect(many) as connection:
        connection.execute("UPDATE sessions SET metadata = %s WHERE id = 3", ["[" * 3000 + "]" * 3000])
    lines, summary = export(many, tmp_path)
    assert ids(lines) == [1, 5, 7, 9, 11]
    assert list(summary.unreadable) == [3]
    assert summary.skipped["unreadable"] == 1


def test_what_others_write_meanwhile_is_not_seen(many: str, tmp_path: Path) -> None:
    seen: list[ExportProgress] = []

    def progress(done: ExportProgress) -> None:
        if not seen:
            with psycopg.connect(many) as other:
                other.execute("UPDATE sessions SET final_answer = 'later'")
                other.execute("DELETE FROM trajectory_events")
                other.execute("DELETE FROM sessions WHERE id = 11")
        seen.append(done)

    lines, summary = export(many, tmp_path, batch_size=2, progress=progress)
    assert ids(lines) == [1, 3, 5, 7, 9, 11]
    assert {line["final_answer"] for line in lines} == {""}
    assert summary.events == 42
    assert [done.sessions for done in seen] == [1, 2, 3, 4, 5, 6]
    assert {done.total for done in seen} == {6}


def test_a_database_of_the_sdk_alone_is_read(empty_database_url: str, tmp_path: Path) -> None:
    contract = migrate.migrations()[0]
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(contract.script.encode())
        connection.execute("INSERT INTO sessions (task, review_status) VALUES ('t', 'approved')")
    lines, _ = export(empty_database_url, tmp_path, session_ids=[1])
    assert ids(lines) == [1]


def test_bad_places_are_refused_before_the_database_is_asked(tmp_path: Path) -> None:
    nowhere = "postgresql://u:secret@127.0.0.1:1/x"
    with pytest.raises(ExportError):
        export_jsonl("/proc/nothing/out.jsonl", database_url=nowhere)
    with pytest.raises(RetryableStoreError) as caught:
        export_jsonl(tmp_path / "out.jsonl", database_url=nowhere)
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError):
        export_jsonl(tmp_path / "out.jsonl", database_url="mysql://x")


def test_an_empty_database_says_what_to_do(empty_database_url: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="atlas-otel db init"):
        export_jsonl(tmp_path / "out.jsonl", database_url=empty_database_url)


@pytest.mark.parametrize("wrong", [{"format": "csv"}, {"batch_size": 0}, {"trajectory_event_limit": -1}, {"limit": -1}])
def test_a_wrong_option_is_refused(many: str, tmp_path: Path, wrong: Json) -> None:
    with pytest.raises(UsageError):
        export_jsonl(tmp_path / "out.jsonl", database_url=many, **wrong)


MEASURE = """
import resource, sys
from atlas_otel_exporters import export_jsonl
summary = export_jsonl("/dev/null", database_url=sys.argv[1], review_statuses=None)
print(summary.sessions, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def fill(url: str, sessions: int) -> None:
    """Sessions of 4 MB in memory each, that do not compress."""
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO sessions (task) SELECT 'large' FROM generate_series(1, %s)", [sessions])
        connection.execute(
            """
            INSERT INTO trajectory_events (session_id, event)
            SELECT s.id, jsonb_build_object('payload', (
                SELECT string_agg(md5(s.id::text || e || n), '') FROM generate_series(1, 12500) n))
            FROM sessions s, generate_series(1, 10) e
            """
        )


def test_memory_is_bounded_by_the_largest_session_not_by_the_batch(database_url: str) -> None:
    def peak_kib(sessions: int) -> int:
        with psycopg.connect(database_url) as connection:
            connection.execute("TRUNCATE sessions CASCADE")
        fill(database_url, sessions)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, database_url], capture_output=True, text=True, check=True, timeout=100
        )
        exported, peak = done.stdout.split()
        assert int(exported) == sessions
        return int(peak)

    # All of these fit one batch of 100: without a bound on bytes, 24 sessions would take 22 times 4 MB more than two.
    assert peak_kib(24) < peak_kib(2) + 20_000


EXAMPLE = """
import doctest, sys
import atlas_otel as atlas
from atlas_otel_exporters import export_jsonl

atlas.configure("example")
tests = doctest.DocTestFinder().find(export_jsonl, "export_jsonl", module=False, globs={"atlas": atlas})
runner = doctest.DocTestRunner()
for test in tests:
    runner.run(test)
atlas.shutdown(30)
sys.exit(runner.failures or not runner.tries)
"""


def test_the_example_of_its_docstring_runs(database_url: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    environment |= {"ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLE],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (tmp_path / "traces.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["final_answer"] == "Two."
