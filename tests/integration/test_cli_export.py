"""``atlas-otel export``, ``review`` and ``db`` over a database with real runs."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import psycopg
import pytest

from atlas_otel.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Ended(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


Run: TypeAlias = "Callable[..., Ended]"


@pytest.fixture
def run(
    recorded_runs_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs a command over the recorded runs in this process, with settings that are given for that command only."""
    for name in os.environ:
        if name.startswith(("ATLAS_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", recorded_runs_url)

    def call(*arguments: str, **env: str) -> Ended:
        with monkeypatch.context() as settings:
            for name, value in env.items():
                settings.setenv(name, value)
            code = main(arguments)
        return Ended(code, *capfd.readouterr())

    return call


def environment(url: str, **env: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    return {**clean, "ATLAS_OTEL_DATABASE_URL": url, **env}


def exported(done: Ended) -> list[int]:
    return [json.loads(line)["session_metadata"]["session_id"] for line in done.stdout.split("\n")[:-1]]


def test_nothing_approved_is_nothing_exported_and_the_hint_works(run: Run, tmp_path: Path) -> None:
    done = run("export", "--output", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert "atlas-otel review approve ID" in done.stderr
    assert run("export", "--output", str(tmp_path / "new" / "traces.jsonl")).returncode == 1
    assert list(tmp_path.iterdir()) == []
    assert run("review", "approve", "2", "3").stdout == "session 2 is approved\nsession 3 is approved\n"
    done = run("export", "--output", "-", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert exported(done) == [2, 3]


def test_settings_decide_which_review_statuses_are_exported(run: Run, tmp_path: Path) -> None:
    run("review", "approve", "1")
    run("review", "quarantine", "2")
    output = ("export", "--output", "-")
    assert exported(run(*output)) == [1]
    assert exported(run(*output, "--include-status", "pending")) == [1, 3, 4, 5]
    assert exported(run(*output, "--include-all-statuses")) == [1, 2, 3, 4, 5]
    assert exported(run(*output, ATLAS_REVIEW_DEFAULT_EXPORT_STATUSES="quarantined")) == [2]
    assert exported(run(*output, ATLAS_REVIEW_REQUIRE_APPROVAL="0")) == [1, 3, 4, 5]
    config = tmp_path / "atlas.yaml"
    config.write_text("agent: {type: python}\nruntime_safety:\n  review:\n    default_export_statuses: ['*']\n")
    assert exported(run(*output, "--config", str(config))) == [1, 2, 3, 4, 5]
    config.write_text("runtime_safety: {review: {require_approval: sometimes}}")
    done = run(*output, "--config", str(config))
    assert done.returncode == 2
    assert "runtime_safety.review.require_approval" in done.stderr


def test_every_filter_reaches_the_export(run: Run, recorded_runs_url: str) -> None:
    output = ("export", "--output", "-", "--include-all-statuses")
    with psycopg.connect(recorded_runs_url) as connection:
        for number in range(1, 6):
            connection.execute(
                "UPDATE sessions SET created_at = %s, metadata = metadata || %s, reward_stats = %s WHERE id = %s",
                [
                    f"2025-10-0{number}T00:00Z",
                    json.dumps({"learning_key": f"k{number}"}),
                    f'{{"score": {number}}}',
                    number,
                ],
            )
    assert exported(run(*output, "--since", "2025-10-02", "--until", "2025-10-04T00:00:00Z")) == [2, 3]
    assert exported(run(*output, "--min-reward", "4")) == [4, 5]
    assert exported(run(*output, "--learning-key", "k3")) == [3]
    assert exported(run(*output, "--newest-first", "--limit", "2", "--offset", "1", "--batch-size", "1")) == [4, 3]
    assert exported(run(*output, "--session-id", "4", "--session-id", "1")) == [1, 4]
    assert exported(run(*output, "--status", "failed")) == [5]
    line = json.loads(run(*output, "--session-id", "1", "--trajectory-event-limit", "3").stdout)
    assert len(line["trajectory_events"]) == 3
    assert line["session_metadata"]["trajectory_events_omitted"] > 3
    # The Atlas SDK writes no end of a model call: what was answered is not known.
    done = run(*output, "--format", "rl")
    assert (done.returncode, done.stdout) == (1, "")
    assert "model calls left out: 6 (never answered)" in done.stderr


def test_the_summary_goes_to_standard_error(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    done = run("export", "--output", str(path), "--include-all-statuses", "--status", "succeeded", "--limit", "3")
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("3 sessions, 3 steps, ")
    assert lines[0].endswith(f" events: 3 lines, {path.stat().st_size} bytes, to {path}")
    assert lines[1:] == ["  left out: 1 (beyond --limit)", "  left out: 1 (status failed)"]


def test_a_terminal_shows_progress_and_the_output_stays_clean(recorded_runs_url: str) -> None:
    terminal, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "export", "--output", "-", "--include-all-statuses"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=True,
        env=environment(recorded_runs_url, TERM="xterm"),
    )
    os.close(theirs)
    shown = os.read(terminal, 100_000)
    os.close(terminal)
    assert b"Exporting" in shown
    assert len(done.stdout.split(b"\n")) == 6
    assert all(json.loads(line) for line in done.stdout.split(b"\n")[:-1])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_follower_ends_when_it_is_told_to(recorded_runs_url: str, tmp_path: Path, sign: signal.Signals) -> None:
    path = tmp_path / "out.jsonl"
    arguments = ["export", "--output", str(path), "--include-all-statuses", "--follow"]
    with subprocess.Popen(
        [sys.executable, "-m", "atlas_otel", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(recorded_runs_url),
    ) as child:
        deadline = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b"\n") < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child.send_signal(sign)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 0
    assert said.startswith("5 sessions, ")


def test_review_shows_what_a_decision_needs(run: Run, recorded_runs_url: str) -> None:
    with psycopg.connect(recorded_runs_url) as connection:
        connection.execute(
            "UPDATE sessions SET metadata = metadata || %s WHERE id = 2",
            ['{"drift": {"drift_alert": true, "score_z": -4.5}}'],
        )
        connection.execute("UPDATE sessions SET task = %s WHERE id = 3", ["clear\x1b[2J\nthe screen"])
    listed = run("review", "sessions", "--status", "Pending", "--limit", "2", "--offset", "2").stdout.splitlines()
    assert listed[0] == "pending (2 of 5)"
    assert [line.split()[0] for line in listed[1:]] == ["3", "2"]
    assert listed[1].endswith("clear\ufffd[2J the screen")
    assert "DRIFT" not in listed[1]
    assert "DRIFT" in listed[2]
    assert "reward 0.75" in listed[2]
    shown = run("review", "show", "2").stdout
    assert "score_z: -4.5" in shown
    assert "attempts=2 validation=passed reward=-" in shown
    assert "Three tickets are open." in shown
    told = json.loads(run("review", "show", "2", "--json").stdout)
    assert (told["id"], told["drift_alert"], told["steps"][0]["attempts"]) == (2, True, 2)
    rejected = [line.strip() for line in shown.splitlines() if " rejected" in line]
    assert [line for lines in told["attempts"].values() for line in lines if "rejected" in line] == rejected
    notes = [line.partition("guidance: ")[2] for line in shown.splitlines() if "    guidance: " in line]
    assert [one["note"] for one in told["guidance"]] == notes
    assert rejected or notes
    queues = json.loads(run("review", "sessions", "--status", "pending", "--json").stdout)
    assert queues["pending"]["total"] == len(queues["pending"]["sessions"]) == 5


def test_a_decision_is_stored_for_all_or_for_none(run: Run, recorded_runs_url: str) -> None:
    def reviewed() -> list[tuple[str, str | None]]:
        with psycopg.connect(recorded_runs_url) as connection:
            rows = connection.execute("SELECT review_status, review_notes FROM sessions ORDER BY id").fetchall()
            return [(str(row[0]), row[1]) for row in rows]

    before = reviewed()
    done = run("review", "approve", "1", "77")
    assert done.returncode == 2
    assert "77" in done.stderr
    assert reviewed() == before
    run("review", "approve", "1", "2", "--note", "Looks right.")
    run("review", "quarantine", "2", "--quiet")
    assert reviewed() == [("approved", "Looks right."), ("quarantined", "Looks right."), *before[2:]]


def test_db_says_where_the_schema_stands_and_brings_it_up_to_date(run: Run, empty_database_url: str) -> None:
    empty = {"ATLAS_OTEL_DATABASE_URL": empty_database_url}
    done = run("db", "status", **empty)
    assert done.returncode == 1
    assert "not up to date" in done.stdout
    assert run("db", "init", **empty).stdout.count("applied") >= 2
    assert run("db", "init", **empty).stdout.count("applied") == 0
    done = run("db", "status", **empty)
    told = json.loads(run("db", "status", "--json", **empty).stdout)
    assert (told["current"], told["pending"], told["version"]) == (True, [], told["applied"][-1]["version"])
    assert done.returncode == 0
    assert "not applied" not in done.stdout
