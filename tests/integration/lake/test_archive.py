"""``atlas-otel lake archive`` and ``restore``: whatever happens, nothing is lost, doubled or computed from a part."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from atlas_otel.cli import main
from atlas_otel.errors import PermanentStoreError, UsageError
from atlas_otel.lake import schema
from atlas_otel.lake.archive import archive, restore
from atlas_otel.lake.reviewing import late_records
from atlas_otel.lake.sessions import read_sessions
from atlas_otel.lake.table import Lake, open_lake
from atlas_otel.mcp.tools import Tools
from atlas_otel.postgres.archiving import ArchiveDesk
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.project import project
from atlas_otel.records.record import Record, RecordSet
from atlas_otel.tracing.reward_records import late_reward_records
from tests.support.lake_runs import key_of, mixed, others, ours

NOW = timedelta(0)
RUNS = [ours(1), ours(2, tools=5), mixed(3), others(4)]


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


def fill(url: str, records: list[Record]) -> None:
    with PostgresStore(url) as store:
        store.write(records)
        while store.project():
            pass
        store.settle({record.trace_id for record in records})
        while store.project():
            pass


def moved(url: str, lake_url: str, **options: Any) -> Any:
    with open_lake(lake_url, create=True) as lake:
        return archive(url, lake, NOW, now_ns=time.time_ns(), **options)


def exported(url: str, path: Path) -> bytes:
    assert main(["export", "--database-url", url, "--output", str(path), "--include-all-statuses", "--quiet"]) == 0
    return path.read_bytes()


def count(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def records_left(url: str) -> int:
    return count(url, "SELECT (SELECT count(*) FROM atlas_otel.spans) + (SELECT count(*) FROM atlas_otel.span_events)")


def keys(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM atlas_otel.sessions ORDER BY key")]


def held(lake_url: str, names: list[str]) -> dict[str, RecordSet]:
    with open_lake(lake_url) as lake:
        return read_sessions(lake, names)


def test_records_go_rows_stay_and_the_lake_gives_the_same(database_url: str, lake_url: str, tmp_path: Path) -> None:
    records = [record for run in RUNS for record in run]
    fill(database_url, records)
    names = keys(database_url)
    before = exported(database_url, tmp_path / "before.jsonl")
    with PostgresStore(database_url) as store:
        stored = {key: (store.records(key), store.rows(key)) for key in names}

    done = moved(database_url, lake_url)

    assert (done.archived, done.left, done.strange_clocks) == (4, {}, 0)
    assert done.spans + done.events == len(records)
    assert records_left(database_url) == 0
    assert count(database_url, "SELECT count(*) FROM atlas_otel.traces") == 0
    assert exported(database_url, tmp_path / "after.jsonl") == before
    found = held(lake_url, names)
    for key, (there, rows) in stored.items():
        assert dict(found[key].spans) == dict(there.spans)
        assert dict(found[key].events) == dict(there.events)
        computed = project(found[key])
        assert rows is not None
        assert computed is not None
        assert computed.session.task == rows.session.task
    assert moved(database_url, lake_url).archived == 0


def test_a_session_that_is_not_old_enough_or_not_computed_stays(database_url: str, lake_url: str) -> None:
    fill(database_url, ours(1))
    with PostgresStore(database_url) as store:
        store.write(ours(2))
    with open_lake(lake_url, create=True) as lake:
        done = archive(database_url, lake, timedelta(hours=1), now_ns=time.time_ns())
        assert done is not None
        assert done.archived == 0
        assert (archive(database_url, lake, NOW, now_ns=time.time_ns()) or done).archived == 1
    assert records_left(database_url) == len(ours(2))


def test_rows_are_not_computed_from_what_came_late_alone(database_url: str, lake_url: str, tmp_path: Path) -> None:
    run = mixed(3)
    early, late = run[:-3], run[-3:]  # the last tool with its note, and the span that names no session
    fill(database_url, run)
    whole = exported(database_url, tmp_path / "whole.jsonl")
    with psycopg.connect(database_url) as connection:
        connection.execute("TRUNCATE atlas_otel.spans, atlas_otel.span_events, atlas_otel.sessions, atlas_otel.traces")
        connection.execute("TRUNCATE public.sessions RESTART IDENTITY CASCADE")
    fill(database_url, early)
    moved(database_url, lake_url)
    part = exported(database_url, tmp_path / "part.jsonl")

    fill(database_url, late)  # stored, marked, offered for projection
    assert main(["rebuild", "--all", "--database-url", database_url]) == 0
    assert exported(database_url, tmp_path / "still.jsonl") == part
    assert records_left(database_url) == 3

    done = moved(database_url, lake_url)
    assert (done.archived, done.returned) == (1, 1)
    assert records_left(database_url) == 0
    assert _undated(exported(database_url, tmp_path / "again.jsonl")) == _undated(whole)
    with open_lake(lake_url) as lake:  # the early ones were not written again
        assert sum(batch.num_rows for batch in lake.scan(schema.SPANS)) == len(RecordSet(run).spans)


def _undated(lines: bytes) -> list[Any]:
    text = re.sub(rb'"(created_at|id)": ?("[^"]*"|\d+)', b'"gone":0', lines)
    return [json.loads(line) for line in text.splitlines()]


def test_a_late_reward_for_a_trace_that_names_no_session(database_url: str, lake_url: str) -> None:
    run = others(4)
    fill(database_url, run)
    (key,) = keys(database_url)
    moved(database_url, lake_url)
    fill(database_url, late_reward_records(0.75, trace_id=run[0].trace_id))
    assert keys(database_url) == [key]
    done = moved(database_url, lake_url)
    assert (done.archived, done.returned) == (1, 1)
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT reward_stats ->> 'score' FROM public.sessions").fetchone()
    assert row == ("0.75",)
    assert len(held(lake_url, [key])[key].spans) == len(run) + 1


class Died(BaseException):
    """The process is gone."""


def dies_after(name: str, times: int) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        owner: Any = Lake if name == "append_arrow" else ArchiveDesk
        real = getattr(owner, name)
        left = [times]

        def call(*arguments: Any, **options: Any) -> Any:
            found = real(*arguments, **options)
            left[0] -= 1
            if not left[0]:
                raise Died
            return found

        monkeypatch.setattr(owner, name, call)

    return patch


@pytest.mark.parametrize(
    ("name", "times"),
    [("read", 1), ("append_arrow", 1), ("append_arrow", 2), ("mark", 1), ("_drop", 1), ("_drop", 3), ("drop", 2)],
)
def test_it_dies_anywhere_and_the_next_run_goes_on(
    database_url: str, lake_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, times: int
) -> None:
    records = [record for run in RUNS for record in run]
    fill(database_url, records)
    names = keys(database_url)
    before = exported(database_url, tmp_path / "before.jsonl")
    with monkeypatch.context() as patched:
        dies_after(name, times)(patched)
        with pytest.raises(Died):
            moved(database_url, lake_url)
    moved(database_url, lake_url)
    assert records_left(database_url) == 0
    assert exported(database_url, tmp_path / "after.jsonl") == before
    found = held(lake_url, names)
    assert sum(len(one) for one in found.values()) == len(records)
    with open_lake(lake_url) as lake:
        rows = sum(batch.num_rows for table in (schema.SPANS, schema.SPAN_EVENTS) for batch in lake.scan(table))
    assert rows == len(records), "what was there already was written again"


def test_killed_again_and_again(database_url: str, lake_url: str) -> None:
    records = [record for number in range(30) for record in ours(number)]
    fill(database_url, records)
    command = [sys.executable, "-m", "atlas_otel", "lake", "archive", "--older-than", "0s", "--lake", lake_url]
    for after in (0.9, 1.2, 1.4, 1.6, 1.8, 2.2):
        process = subprocess.Popen([*command, "--database-url", database_url], stdout=subprocess.DEVNULL)
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait()
    moved(database_url, lake_url)
    assert records_left(database_url) == 0
    found = held(lake_url, [key_of(number) for number in range(30)])
    assert sum(len(one) for one in found.values()) == len(records)


def test_what_came_while_it_was_copied_keeps_the_session(
    database_url: str, lake_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, ours(1))
    real = Lake.append_rows
    more = ours(1, tools=4)[-2:]

    def append(lake: Lake, *arguments: Any, **options: Any) -> None:
        real(lake, *arguments, **options)
        with PostgresStore(database_url) as store:
            store.write(more)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "append_rows", append)
        done = moved(database_url, lake_url)
    assert done.archived == 0
    assert "meanwhile" in done.left[key_of(1)]
    fill(database_url, [])
    assert moved(database_url, lake_url).archived == 1
    assert len(held(lake_url, [key_of(1)])[key_of(1)]) == len(ours(1, tools=4))


def test_a_lake_that_does_not_give_back_what_it_took_costs_nothing(
    database_url: str, lake_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, ours(1))
    monkeypatch.setattr(Lake, "append_arrow", lambda *_, **__: None)
    with pytest.raises(PermanentStoreError, match="nothing of it was removed"):
        moved(database_url, lake_url)
    assert records_left(database_url) == len(ours(1))


def test_rows_go_with_a_decided_review_and_come_back_as_they_were(
    database_url: str, lake_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(database_url, [record for run in RUNS for record in run])
    assert main(["review", "approve", "1", "--note", "fine", "--database-url", database_url]) == 0
    before = exported(database_url, tmp_path / "before.jsonl")
    done = moved(database_url, lake_url, drop_rows=True)
    assert done.archived == 4
    assert count(database_url, "SELECT count(*) FROM public.sessions") == 3
    assert main(["review", "quarantine", "2", "--database-url", database_url]) == 0
    moved(database_url, lake_url, drop_rows=True)
    assert count(database_url, "SELECT count(*) FROM public.sessions") == 2

    capsys.readouterr()
    arguments = ["--lake", lake_url, "--database-url", database_url]
    assert main(["lake", "restore", "1", "2", *arguments]) == 0
    assert len(capsys.readouterr().out.split()) == 2
    assert main(["review", "quarantine", "2", "--database-url", database_url]) == 0
    assert _undated(exported(database_url, tmp_path / "after.jsonl"))[0] == _undated(before)[0]
    assert count(database_url, "SELECT count(*) FROM public.sessions WHERE review_status = 'approved'") == 1


def test_restore_says_what_it_does_not_know(database_url: str, lake_url: str) -> None:
    open_lake(lake_url, create=True).close()
    with open_lake(lake_url) as lake, pytest.raises(UsageError, match="has nothing of session"):
        restore(database_url, lake, [key_of(9)])


def test_two_archives_at_once(database_url: str, lake_url: str) -> None:
    with ArchiveDesk(database_url, changing=True) as desk:
        assert desk.alone
        assert moved(database_url, lake_url) is None


def test_a_clock_that_is_off_is_said(database_url: str, lake_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    far = [record._replace(start_ns=2**62) if hasattr(record, "start_ns") else record for record in ours(1)]
    fill(database_url, far)
    command = ["lake", "archive", "--older-than", "0s", "--lake", lake_url, "--database-url", database_url]
    assert main(command) == 0
    assert "4 records are dated after now: the clock" in capsys.readouterr().err


def test_no_lake_is_one_line(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.environ.pop("ATLAS_OTEL_LAKE", None)
    assert main(["lake", "archive", "--older-than", "1d", "--database-url", database_url]) == 2
    assert capsys.readouterr().err == "atlas-otel: no lake given: use --lake or set ATLAS_OTEL_LAKE\n"
    assert main(["lake", "restore", key_of(1), "--lake", str(tmp_path / "x"), "--database-url", database_url]) == 1
    assert capsys.readouterr().err.startswith("atlas-otel: there is no lake at")


def test_an_archived_session_is_shown_from_the_lake(
    database_url: str, lake_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(database_url, [*mixed(3), *others(4)])
    before = shown(database_url, key_of(3), capsys)
    assert main(["review", "approve", "1", "--database-url", database_url]) == 0
    moved(database_url, lake_url, drop_rows=True)
    for name in (key_of(3), "1"):  # by key, and by the number of the row that is gone
        capsys.readouterr()
        found = shown(database_url, name, capsys)
        assert found["spans"] == before["spans"]
        assert found["task"] == before["task"]
    assert main(["sessions", "show", "2", "--database-url", database_url]) == 0
    out, err = capsys.readouterr()
    assert "session theirs" in out
    assert err.startswith(f"from the lake {lake_url}, archived on ")
    assert main(["verify", "--database-url", database_url]) == 0
    assert "compared 0 sessions: 0 differences; the records of 1 are in a lake" in capsys.readouterr().err
    assert main(["sessions", "show", "77", "--database-url", database_url]) == 2
    capsys.readouterr()
    assert main(["sessions", "open", "2", "--print", "--database-url", database_url]) == 0
    assert others(4)[0].trace_id in capsys.readouterr().out
    assert len(Tools(database_url).show_session(key_of(3))["spans"]) == len(RecordSet(mixed(3)).spans)


def shown(url: str, name: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["sessions", "show", name, "--json", "--database-url", url]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_sample_comes_back_for_review_and_goes_again_with_its_verdict(
    database_url: str, lake_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(database_url, [record for run in (ours(1), ours(2), others(4)) for record in run])
    assert main(["review", "approve", "1", "2", "3", "--database-url", database_url]) == 0
    moved(database_url, lake_url, drop_rows=True)
    with open_lake(lake_url) as lake:  # what collect --lake wrote, and what is no session
        lake.append([*ours(7), ours(8)[2]._replace(session_key=None, trace_id="e" * 32, span_id="e" * 16)])
    target = ["--from-lake", "--lake", lake_url, "--database-url", database_url]
    capsys.readouterr()
    assert main(["review", "sample", "--count", "2", "--seed", "x", *target]) == 0
    first = capsys.readouterr().out.split()
    assert len(first) == 2
    assert main(["review", "sample", "--count", "9", *target]) == 0
    rest = capsys.readouterr().out.split()
    assert {*first, *rest} == {key_of(1), key_of(2), key_of(7), *(k for k in keys(database_url) if k[0] != "a")}
    assert count(database_url, "SELECT count(*) FROM public.sessions WHERE review_status = 'approved'") == 3
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT theirs.id, task FROM public.sessions theirs JOIN atlas_otel.sessions ours ON ours.id = theirs.id "
            "WHERE key = %s",
            [key_of(7)],
        ).fetchone()
    assert row is not None
    assert row[1] == "task 7"
    assert main(["review", "quarantine", str(row[0]), "--note", "no", "--database-url", database_url]) == 0
    assert moved(database_url, lake_url, drop_rows=True).archived == 3  # the trace of others is not quiet yet
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT review_status, review_notes FROM atlas_otel.archived WHERE key = %s", [key_of(7)]
        ).fetchone()
    assert row is not None
    assert row[0] == "quarantined"
    assert "no" in row[1]


def test_what_waits_for_the_archive_is_given_to_a_build(database_url: str, lake_url: str) -> None:
    fill(database_url, [*ours(1), *others(4)])
    assert late_records(database_url) == []
    moved(database_url, lake_url)
    came = [
        *late_reward_records(0.5, session_id=key_of(1)),
        *late_reward_records(0.75, trace_id=others(4)[0].trace_id),
        others(4, calls=3)[-1],
    ]
    fill(database_url, came)
    waiting = RecordSet(late_records(database_url))
    assert {record.key: record.session_key for record in waiting} == {
        record.key: record.session_key for record in RecordSet(came)
    }
    assert {repr(one.resource) for one in waiting.spans.values()} == {
        repr(one.resource) for one in came if hasattr(one, "resource")
    }
    moved(database_url, lake_url)
    assert late_records(database_url) == []


def test_retention_of_records_leaves_archived_sessions_to_the_lake(database_url: str, lake_url: str) -> None:
    fill(database_url, [*ours(1), *ours(2)])
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE atlas_otel.sessions SET last_activity = now() - interval '2 days' WHERE key = %s", [key_of(1)]
        )
    with open_lake(lake_url, create=True) as lake:
        assert archive(database_url, lake, timedelta(days=1), now_ns=time.time_ns()) is not None
    assert main(["db", "retain", "--records", "0s", "--database-url", database_url]) == 0
    assert keys(database_url) == [key_of(1)]
    fill(database_url, late_reward_records(0.5, session_id=key_of(1)))  # is not let go: the session is in the lake
    assert moved(database_url, lake_url).returned == 1
    assert len(held(lake_url, [key_of(1)])[key_of(1)]) > len(ours(1))
