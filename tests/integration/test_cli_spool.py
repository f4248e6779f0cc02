"""``spool status|replay`` and ``db reap`` over what really killed processes left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.cli import main
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from tests.support.records import make_span

PROGRAM = Path(__file__).parents[1] / "acceptance" / "programs" / "killed.py"


@pytest.fixture
def env(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("ATLAS_OTEL_DATABASE_URL", database_url)
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    return {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}


def _killed(env: dict[str, str], tmp_path: Path) -> list[str]:
    """What a process noted as done before it was killed."""
    ledger = tmp_path / "ledger"
    with subprocess.Popen([sys.executable, str(PROGRAM), str(ledger), "1"], env=env) as process:
        while not ledger.exists() or ledger.read_text().count("\n") < 20:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    return ledger.read_text().splitlines()


def _query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_what_a_killed_process_left_is_shown_and_stored(
    env: dict[str, str], database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promised = _killed(env, tmp_path)
    assert main(["spool", "status"]) == 0
    shown = capsys.readouterr().out
    assert "dead" in shown
    assert "records in" in shown
    assert main(["spool", "status", "--json"]) == 0
    (target,) = json.loads(capsys.readouterr().out)
    assert [owner["alive"] for owner in target["owners"]] == [False]
    assert main(["spool", "replay"]) == 0
    assert "stored" in capsys.readouterr().out
    tools = sum(line.startswith("tool ") for line in promised)
    ((stored,),) = _query(database_url, "SELECT count(*) FROM atlas_otel.spans WHERE kind = 'tool' AND rank = 5")
    assert stored in (tools, tools + 1)
    assert _query(database_url, "SELECT status FROM sessions") == [("failed",)]
    assert main(["spool", "status"]) == 0
    assert "nothing waits" in capsys.readouterr().out


SHORT = """
import atlas_otel as atlas
atlas.configure("short", console=False)
with atlas.session("short", name="s"):
    pass
"""


def test_a_process_that_lives_for_a_moment_stores_what_its_predecessor_left(
    env: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    promised = _killed(env, tmp_path)
    subprocess.run([sys.executable, "-c", SHORT], env=env, check=True, timeout=60)
    tools = sum(line.startswith("tool ") for line in promised)
    ((stored,),) = _query(database_url, "SELECT count(*) FROM atlas_otel.spans WHERE kind = 'tool' AND rank = 5")
    assert stored in (tools, tools + 1)
    assert sorted(_query(database_url, "SELECT status FROM sessions")) == [("failed",), ("succeeded",)]
    assert not list((tmp_path / "spool").rglob("*.seg"))


def test_an_abandoned_session_is_reaped_and_a_later_end_wins(
    env: dict[str, str], database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with recording() as recorded, atlas.session("a task", name="s") as session:
        pass
    key = session.id
    (ended,) = recorded.spans
    running = ended._replace(rank=1, end_ns=None, version=ended.start_ns)
    with PostgresStore(database_url) as store:
        store.write([running])
        store.project()
    assert main(["db", "reap", "--older-than", "1h"]) == 0
    assert "marked 0 sessions" in capsys.readouterr().err, "it is not quiet for long enough"
    time.sleep(1.1)
    assert main(["db", "reap", "--older-than", "1s"]) == 0
    assert capsys.readouterr().out.split() == [key]
    rows = _query(database_url, "SELECT status, metadata FROM sessions")
    assert rows[0][0] == "failed"
    assert "abandoned" in json.dumps(rows[0][1])
    out = tmp_path / "lines.jsonl"
    assert main(["export", "--output", str(out), "--include-all-statuses", "--quiet"]) == 0
    assert json.loads(out.read_text())["session_metadata"]["status"] == "failed"
    time.sleep(1.1)
    assert main(["db", "reap", "--older-than", "1s"]) == 0
    assert capsys.readouterr().out == "", "nothing is marked twice"
    with PostgresStore(database_url) as store:
        store.write([ended])
        store.project()
    assert _query(database_url, "SELECT status FROM sessions") == [("succeeded",)]


def test_a_session_whose_root_never_came_is_reaped_and_the_root_wins_later(
    env: dict[str, str], database_url: str
) -> None:
    """As over OTLP, which brings only what has ended."""
    start = time.time_ns()
    root = make_span(
        span_id="a" * 16,
        session_key="5" * 32,
        name="invoke_agent x",
        kind="session",
        span_kind=1,
        start_ns=start,
        end_ns=start + 9,
        attributes={semconv.ATLAS_KIND: "session", semconv.ATLAS_SESSION_ID: "5" * 32, semconv.ATLAS_TASK: "the task"},
        scope=semconv.SCOPE_NAME,
        version=start,
    )
    child = root._replace(
        span_id="b" * 16, parent_span_id="a" * 16, kind="tool", name="execute_tool t",
        attributes={semconv.ATLAS_KIND: "tool", semconv.ATLAS_SESSION_ID: "5" * 32},
    )  # fmt: skip
    with PostgresStore(database_url) as store:
        store.write([child])
        store.project()
    assert _query(database_url, "SELECT status FROM sessions") == [("running",)]
    time.sleep(1.1)
    assert main(["db", "reap", "--older-than", "1s", "--quiet"]) == 0
    assert _query(database_url, "SELECT status FROM sessions") == [("failed",)]
    with PostgresStore(database_url) as store:
        store.write([root])
        store.project()
    assert _query(database_url, "SELECT task, status FROM sessions") == [("the task", "succeeded")]


def test_a_wrong_length_of_time_is_a_wrong_call(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "reap", "--older-than", "soon"]) == 2
    assert "is not a length of time, such as 90s" in capsys.readouterr().err
