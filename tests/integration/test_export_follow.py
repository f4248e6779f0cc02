"""A follower writes what is complete, writes it again when it changed, and goes on where it was."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from atlas_otel.errors import ExportError, UsageError
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import RANK_ENDED, SpanRecord
from atlas_otel_exporters import ExportSummary, export_jsonl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atlas_otel.errors import RetryableStoreError

Json = dict[str, Any]
PATIENCE_S = 30.0


class Follower:
    """A follower in a thread of its own, and the lines it has written."""

    def __init__(self, path: Path, url: str, **options: Any) -> None:
        self.path = path
        self.waited: list[RetryableStoreError] = []
        self.summary: ExportSummary | None = None
        self._stop = threading.Event()
        self._options = {"review_statuses": None, **options}
        self._url = url
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.summary = export_jsonl(
            self.path, database_url=self._url, follow=self._stop, waiting=self.waited.append, **self._options
        )

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def written(self) -> list[tuple[int, int]]:
        """(session, revision) of each whole line."""
        if not self.path.exists():
            return []
        lines = [json.loads(line) for line in self.path.read_bytes().split(b"\n")[:-1]]
        return [(line.get("session_metadata", line)["session_id"], line["revision"]) for line in lines]

    def wait_for(self, expected: list[tuple[int, int]]) -> None:
        until(lambda: len(self.written()) >= len(expected))
        assert self.written() == expected


def until(happened: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def changing(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


INSERT = "INSERT INTO sessions (task, status) VALUES (%s, %s) RETURNING id"


def test_sessions_are_written_when_complete_and_again_when_changed(database_url: str, tmp_path: Path) -> None:
    with changing(database_url) as database, Follower(tmp_path / "out.jsonl", database_url) as follower:
        database.execute(INSERT, ["one", "succeeded"])
        follower.wait_for([(1, 1)])
        database.execute(INSERT, ["two", "running"])
        database.execute(INSERT, ["three", "failed"])
        follower.wait_for([(1, 1), (3, 1)])
        database.execute("UPDATE sessions SET status = 'succeeded' WHERE id = 2")
        follower.wait_for([(1, 1), (3, 1), (2, 1)])
        # Each kind of row that belongs to a line; an update that changes nothing is none.
        database.execute("UPDATE sessions SET task = task")
        database.execute("INSERT INTO step_results (session_id, step_id, output) VALUES (1, 1, 'late')")
        follower.wait_for([(1, 1), (3, 1), (2, 1), (1, 2)])
        changes = [
            "UPDATE sessions SET reward = '{\"score\": 1}' WHERE id = 1",
            'INSERT INTO plans VALUES (1, \'{"steps": []  , "execution_mode": "single_shot"}\')',
            "UPDATE step_results SET output = 'later' WHERE session_id = 1",
            "INSERT INTO step_attempts VALUES (1, 1, 1, NULL)",
            "INSERT INTO guidance_notes VALUES (1, 1, 1, 'note')",
            "INSERT INTO trajectory_events (session_id, event) VALUES (1, '{}')",
            "UPDATE guidance_notes SET note = 'another note'",
            "DELETE FROM trajectory_events",
        ]
        for number, change in enumerate(changes, 3):
            database.execute(change)
            until(lambda number=number: follower.written()[-1] == (1, number))
    assert follower.summary is not None
    assert (follower.summary.sessions, follower.summary.revisions) == (3, 9)
    assert follower.summary.bytes == follower.path.stat().st_size


@pytest.mark.parametrize("format", ["atlas", "rl"])
def test_a_follower_goes_on_where_another_was_killed(database_url: str, tmp_path: Path, format: str) -> None:
    path = tmp_path / "out.jsonl"
    with changing(database_url) as database:
        for task in ("one", "two"):
            database.execute(INSERT, [task, "succeeded"])
        database.execute("UPDATE sessions SET reward = '{\"score\": 0.5}'")
        for session in (1, 2):
            for state, data in (("START", {"input": "asked"}), ("END", {"output": "answered"})):
                payload = {"UUID": "u", "event_type": f"LLM_{state}", "data": data}
                database.execute(
                    "INSERT INTO trajectory_events (session_id, event) VALUES (%s, %s)",
                    [session, json.dumps({"parent_id": "root", "payload": payload})],
                )
        with Follower(path, database_url, format=format) as follower:
            follower.wait_for([(1, 1), (2, 1)])
        whole = path.read_bytes()
        # Killed in the middle of a line.
        path.write_bytes(whole + whole[:20])
        database.execute("UPDATE sessions SET reward = '{\"score\": 0.75}' WHERE id = 2")
        with Follower(path, database_url, format=format) as follower:
            follower.wait_for([(1, 1), (2, 1), (2, 2)])
        assert path.read_bytes().startswith(whole)
        assert follower.summary is not None
        assert (follower.summary.sessions, follower.summary.revisions) == (0, 1)


def test_a_database_that_goes_away_is_waited_for(database_url: str, tmp_path: Path) -> None:
    with changing(database_url) as database, Follower(tmp_path / "out.jsonl", database_url) as follower:
        database.execute(INSERT, ["one", "succeeded"])
        follower.wait_for([(1, 1)])
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        until(lambda: follower.waited)
        database.execute(INSERT, ["two", "succeeded"])
        follower.wait_for([(1, 1), (2, 1)])


def test_what_another_program_wrote_is_not_added_to(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"mine": 1}\n')
    with pytest.raises(ExportError, match="line 1 was not written by --follow"):
        export_jsonl(path, database_url=database_url, follow=threading.Event())
    assert path.read_text() == '{"mine": 1}\n'


@pytest.mark.parametrize(
    "held",
    [
        b"-----BEGIN PRIVATE KEY----- MIIEvQ",
        b"no end of line",
        b'{"task":"of somebody else","id":1',
        b'{"task":"whole, without an end","revision":1,"session_metadata":{"session_id":1}}',
        b"\n",
        b"\xff\x00",
    ],
)
def test_a_file_without_a_line_of_ours_is_left_as_it_is(database_url: str, tmp_path: Path, held: bytes) -> None:
    """A line without its end may be anybody's: only behind whole lines of ours is it a killed follower's."""
    path = tmp_path / "key.pem"
    path.write_bytes(held)
    with pytest.raises(ExportError, match="line 1 was not written by --follow"):
        export_jsonl(path, database_url=database_url, follow=threading.Event())
    assert path.read_bytes() == held


def test_what_somebody_added_to_a_followed_file_is_left_as_it_is(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with changing(database_url) as database, Follower(path, database_url) as follower:
        database.execute(INSERT, ["one", "succeeded"])
        follower.wait_for([(1, 1)])
    with path.open("ab") as file:
        file.write(b"a note")
    held = path.read_bytes()
    with pytest.raises(ExportError, match="line 2 was not written by --follow"):
        export_jsonl(path, database_url=database_url, follow=threading.Event())
    assert path.read_bytes() == held


def test_a_session_that_nobody_computed_is_computed_and_written(database_url: str, tmp_path: Path) -> None:
    key = "5" * 32
    span = SpanRecord(
        *(key, "1" * 16, None, key, "invoke_agent a", "session", 0, 1, 2, 0, None, {}, (), (), "s", {}, RANK_ENDED, 1)
    )
    with Follower(tmp_path / "out.jsonl", database_url) as follower:
        with PostgresStore(database_url) as store:
            store.write([span])
        until(lambda: len(follower.written()) == 1)


def test_two_followers_do_not_write_one_file(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    (tmp_path / "link.jsonl").symlink_to(path)
    with changing(database_url) as database, Follower(path, database_url) as follower:
        database.execute(INSERT, ["one", "succeeded"])
        follower.wait_for([(1, 1)])
        for name in ("out.jsonl", "link.jsonl"):
            with pytest.raises(ExportError, match="another follower writes"):
                export_jsonl(tmp_path / name, database_url=database_url, follow=threading.Event())
        database.execute(INSERT, ["two", "succeeded"])
        follower.wait_for([(1, 1), (2, 1)])
    with Follower(path, database_url) as follower:
        until(lambda: follower.path.exists())
    assert follower.written() == [(1, 1), (2, 1)], "the lock goes with its holder"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jsonl.gz", {}),
        ("a.zst", {}),
        ("a.jsonl", {"limit": 1}),
        ("a.jsonl", {"offset": 1}),
        ("a.jsonl", {"newest_first": True}),
    ],
)
def test_what_cannot_be_followed_is_refused(database_url: str, tmp_path: Path, name: str, options: Json) -> None:
    with pytest.raises(UsageError):
        export_jsonl(tmp_path / name, database_url=database_url, follow=threading.Event(), **options)
    assert not (tmp_path / name).exists()
