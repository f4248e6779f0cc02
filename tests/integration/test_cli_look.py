"""``sessions list`` with filters, ``stats`` and ``diff``, and the names that a session has, over real runs."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel.errors import UsageError
from atlas_otel.postgres.session_names import find_sessions
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording


def _run(task: str, agent: str, *, answer: str, score: float, fails: bool) -> str:
    with atlas.session(task, name=agent) as session:
        atlas.set_metadata(conversation_id=f"with {agent}")
        with atlas.step("Search", id=1) as step, atlas.llm("think", model=f"{agent}-model") as call:
            call.set_usage(input_tokens=10, output_tokens=5)
            call.output = step.output = "SELECT"
        atlas.set_validation(not fails, reason="no such table: t7" if fails else "rows", step=1)
        atlas.record_reward(0.0 if fails else 1.0, step=1)
        if fails:
            with pytest.raises(LookupError), atlas.step("Search", id=1), atlas.tool("lookup"):
                raise LookupError(f'"{task}" is not in row 12')
            atlas.add_guidance("try the other table", step=1)
            with atlas.step("Search", id=1) as step:
                step.output = "found"
            atlas.set_validation(True, step=1)
            atlas.record_reward(0.5, step=1)
        atlas.record_reward(score)
        session.final_answer = answer
    return session.id


@pytest.fixture
def keys(database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three sessions: two of the agent ``alpha``, the first with failures, and one of ``beta``."""
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", database_url)
    with recording() as recorded:
        found = [
            _run("Find 東京の天気", "alpha", answer="sunny", score=0.4, fails=True),
            _run('Count "quoted" 100%_words', "alpha", answer="three", score=0.8, fails=False),
            _run("Sum", "beta", answer="six", score=1.0, fails=False),
        ]
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        assert store.project() == 3
    return found


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [3, 2, 1]),
        (["--agent", "alpha"], [2, 1]),
        (["--model", "beta-model"], [3]),
        (["--tool", "lookup"], [1]),
        (["--tool", "look"], []),
        (["--min-reward", "0.8"], [3, 2]),
        (["--failed"], [1]),
        (["--status", "failed"], []),
        (["--conversation", "with alpha"], [2, 1]),
        (["--conversation", "with"], []),
        (["--text", "東京"], [1]),
        (["--text", "SUNNY"], [1]),
        (["--text", "select"], [3, 2, 1]),
        (["--text", '"quoted"'], [2]),
        (["--text", "100%_w"], [2]),
        (["--text", "100%w"], []),
        (["--text", 'の天気" is not in row'], [1]),
        (["--since", "2999-01-01"], []),
        (["--until", "2999-01-01", "--agent", "beta"], [3]),
    ],
)
def test_filters(keys: list[str], capsys: pytest.CaptureFixture[str], options: list[str], found: list[int]) -> None:
    assert [session["id"] for session in _json(capsys, "sessions", "list", *options)] == found


def test_a_list_has_headings_and_keys(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "list"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["id", "key", "started"]
    assert [key[:8] in line for key, line in zip(reversed(keys), lines, strict=True)] == [True] * 3


def test_a_session_has_many_names(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (tree,) = _json(capsys, "sessions", "show", keys[1])["spans"]
    for name in ("2", keys[1], tree["trace_id"], tree["span_id"], tree["trace_id"].upper()):
        assert _json(capsys, "sessions", "show", name)["session_id"] == keys[1]
    assert main(["review", "approve", tree["trace_id"]]) == 0
    assert "session 2 is approved" in capsys.readouterr().out
    assert main(["sessions", "show", "nobody"]) == 2
    assert capsys.readouterr().err.strip() == (
        "atlas-otel: no session in this database is called nobody; see: atlas-otel sessions list"
    )


def test_the_beginning_of_a_key(keys: list[str], database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE atlas_otel.sessions SET key = 'sessions-' || key WHERE id = 3")
        assert [ids.id for ids in find_sessions(connection, ["sessions"])] == [3]
        with pytest.raises(UsageError, match="session-1, session-2, sessions-session-3; give more of the key"):
            find_sessions(connection, ["sess"])
        with pytest.raises(UsageError, match="no session in this database is called ses;"):
            find_sessions(connection, ["ses"])
        connection.rollback()


def test_statistics_of_sessions(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    alpha, beta = _json(capsys, "stats", "--by", "agent")
    assert (alpha["agent"], alpha["sessions"], alpha["succeeded"], alpha["failed"]) == ("alpha", 2, 2, 0)
    assert alpha["reward"] == pytest.approx(0.6)
    assert alpha["reward_spread"] == pytest.approx(0.2)
    assert (alpha["retries"], alpha["guided"], alpha["improved"]) == (2, 2, 1)
    assert (alpha["input_tokens"], alpha["output_tokens"]) == (20, 10)
    assert (beta["agent"], beta["retries"], beta["gain"]) == ("beta", 0, None)
    (every,) = _json(capsys, "stats")
    assert every["sessions"] == 3
    assert _json(capsys, "stats", "--agent", "nobody") == []


def test_statistics_of_calls(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    models = _json(capsys, "stats", "--by", "model")
    assert [(row["name"], row["calls"], row["sessions"]) for row in models] == [
        ("alpha-model", 2, 2),
        ("beta-model", 1, 1),
    ]
    (tool,) = _json(capsys, "stats", "--by", "agent,tool")
    assert (tool["agent"], tool["name"], tool["calls"], tool["failed"]) == ("alpha", "lookup", 1, 1)


def test_failures_in_groups(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "stats", "--failures")
    assert [(one["kind"], one["name"], one["error_type"], one["message"], one["count"]) for one in found] == [
        ("step", "Search", "validation", "no such table: t7", 1),
        ("tool", "lookup", "LookupError", '"Find 東京の天気" is not in row <n>', 1),
    ]
    assert main(["stats", "--failures"]) == 0
    assert "lookup" in capsys.readouterr().out


def test_bars_and_wrong_calls(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--by", "agent", "--plot", "reward"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("alpha  █")
    for wrong, said in (
        (["--by", "colour"], "cannot group by colour"),
        (["--by", "model,tool"], "group by one of them"),
        (["--plot", "agent"], "there is no column agent to plot"),
        (["--failures", "--by", "day"], "leave out --by"),
    ):
        assert main(["stats", *wrong]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


def test_two_attempts_and_two_sessions_side_by_side(keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    attempts = {section["heading"]: section for section in _json(capsys, "diff", "1@1.1", "1@1.3")}
    assert attempts["validation"]["pairs"] == [{"mark": "|", "left": "failed: no such table: t7", "right": "passed"}]
    assert attempts["reward"]["pairs"] == [{"mark": "|", "left": "0.00", "right": "0.50"}]
    assert attempts["output"]["pairs"] == [{"mark": "|", "left": "SELECT", "right": "found"}]
    assert main(["diff", "2", "3"]) == 0
    shown = capsys.readouterr().out
    assert "answer\nthree" in shown
    assert "step 1, output" not in shown, "both wrote the same"
    assert main(["diff", "2", "2"]) == 0
    assert capsys.readouterr() == ("", "no difference\n")
    assert main(["diff", "1@1.9", "1@1.1"]) == 2
    assert "has no attempt 9; it has 1, 2, 3" in capsys.readouterr().err


def test_an_attempt_rejected_while_it_runs_is_said_and_counted_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", database_url)
    with recording() as recorded, atlas.session("t", name="s") as session:
        for valid in (False, True):
            with atlas.step("Look", id=1):
                atlas.set_validation(valid, reason="too far")
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        assert store.project() == 1
    (one,) = _json(capsys, "stats", "--failures")
    assert (one["kind"], one["error_type"], one["message"], one["count"]) == ("step", "validation", "too far", 1)
    assert main(["sessions", "show", session.id]) == 0
    shown = capsys.readouterr().out
    assert shown.count("too far") == 2, "once for each attempt"
    assert "ValidationFailed" not in shown
    assert main(["diff", f"{session.id}@1.1", f"{session.id}@1.2"]) in (0, 1)
    assert "ValidationFailed" not in capsys.readouterr().out
