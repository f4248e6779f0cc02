"""``sessions``, ``reward``, ``rebuild`` and ``verify`` over a database that a real run filled."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording


@pytest.fixture
def session(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of a recorded session with two attempts at one step, a tool that fails and a model call."""
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", database_url)
    with recording() as recorded:
        with atlas.session("Count the words", name="counter") as s:
            with pytest.raises(ValueError, match="no"), atlas.step("Count", id=1), atlas.tool("count"):
                raise ValueError("no file")
            atlas.add_guidance("look in the other folder", step=1)
            with atlas.step("Count", id=1) as step, atlas.llm("think", model="m") as call:
                call.set_usage(input_tokens=10, output_tokens=5)
                call.output = step.output = "three"
            atlas.record_reward(0.8, step=1)
            s.final_answer = "three"
        key = s.id
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        assert store.project() == 1
    return key


def test_list_and_show(session: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "list"]) == 0
    assert "Count the words" in capsys.readouterr().out
    assert main(["sessions", "show", session]) == 0
    shown = capsys.readouterr().out
    for part in (
        "answer       three",
        "plan         1. Count",
        "tokens       15 (10 in, 5 out), 1 model call",
        "trace        http://localhost:16686/trace/",
        "step 1. Count  ",
        "error ValueError: no file",
        "guidance look in the other folder",
        "(attempt 2)",
        "  15 tokens",
        "reward 0.80",
    ):
        assert part in shown
    assert main(["sessions", "show", "1", "--json"]) == 0
    (tree,) = json.loads(capsys.readouterr().out)["spans"]
    assert [child["status"] for child in tree["children"]] == ["failed", "succeeded"]
    assert main(["sessions", "list", "--status", "failed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_open_prints_the_trace_of_the_run_only(
    session: str, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with PostgresStore(database_url) as store:
        (trace,) = {span.trace_id for span in store.records(session).spans.values()}
    assert main(["reward", session, "0.5", "--quiet"]) == 0
    assert main(["sessions", "open", session, "--print"]) == 0
    (address,) = capsys.readouterr().out.split()
    assert address == f"http://localhost:16686/trace/{trace}"


def test_a_late_reward_reaches_the_rows_and_the_line(
    session: str, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reward", "1", "-0.25", "--rationale", "late", "--judge", "me"]) == 0
    assert main(["reward", session, "0.9", "--step", "1"]) == 0
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT (s.reward->>'score')::float, (r.evaluation->'reward'->>'score')::float "
            "FROM sessions s JOIN step_results r ON r.session_id = s.id"
        ).fetchall()
    assert rows == [(-0.25, 0.9)]
    output = tmp_path / "lines.jsonl"
    assert main(["export", "--output", str(output), "--include-all-statuses", "--quiet"]) == 0
    line = json.loads(output.read_text())
    assert line["session_reward"]["score"] == -0.25
    assert line["steps"][0]["reward"]["score"] == 0.9
    capsys.readouterr()
    assert main(["verify", "--file", str(output)]) == 0
    assert "0 differences" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nan"], ["inf"], ["0.5", "--span-id", "xyz"], ["much"]])
def test_a_reward_that_is_none_is_refused(session: str, arguments: list[str]) -> None:
    assert main(["reward", session, *arguments]) == 2


def test_verify_names_what_was_tampered_with_and_rebuild_mends_it(
    session: str, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "lines.jsonl.gz"
    assert main(["export", "--output", str(output), "--include-all-statuses", "--quiet"]) == 0
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE step_results SET output = 'four'")
        connection.execute("UPDATE sessions SET review_status = 'approved', review_notes = 'seen'")
    assert main(["verify", "--file", str(output)]) == 1
    told = capsys.readouterr().out
    assert f'{session}: step_results 1.output: expected "three", found "four"' in told
    assert 'line.steps[0].output: expected "four", found "three"' in told
    assert main(["rebuild", "--all", "--jobs", "2"]) == 0
    assert "1 sessions to compute again, 1 computed" in capsys.readouterr().out
    assert main(["verify", "--jobs", "2"]) == 0
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT review_status, review_notes FROM sessions").fetchall()
    assert rows == [("approved", "seen")]


def test_wrong_calls_say_what_is_wrong(session: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, says in (
        (["sessions", "show", "99"], "no session in this database is called 99"),
        (["rebuild"], "no sessions given"),
        (["rebuild", "--all", "--session", "1"], "no sessions given"),
        (["verify", "--session", "nobody"], "no session in this database"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n")
    assert main(["verify", "--file", str(bad)]) == 1
    assert f"{bad}, line 1" in capsys.readouterr().err


def test_a_session_that_another_program_wrote_has_no_records(
    session: str, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(database_url) as connection:
        (number,) = connection.execute("INSERT INTO sessions (task) VALUES ('theirs') RETURNING id").fetchone() or ()
    assert main(["sessions", "list"]) == 0
    assert "theirs" in capsys.readouterr().out
    assert main(["sessions", "show", str(number)]) == 2
    assert "was not recorded by atlas-otel" in capsys.readouterr().err
