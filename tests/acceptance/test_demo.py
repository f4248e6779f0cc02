"""``atlas-otel demo`` as a person runs it: a process, a real database, and answers that are true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

import psycopg
import pytest

from atlas_otel.demo.environment import canonical


def demo(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    return subprocess.run(
        [sys.executable, "-m", "atlas_otel", "demo", *arguments],
        env={**inherited, "HOME": str(folder), "XDG_STATE_HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
    )


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_run_adds_three_true_answers(database_url: str, tmp_path: Path) -> None:
    for run in (1, 2):
        done = demo(tmp_path, ATLAS_OTEL_DATABASE_URL=database_url)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "its own output goes to stdout, and nobody watches at a terminal"
        assert str(tmp_path / "traces.jsonl") in done.stdout
        assert "make up" in done.stdout
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (3 * run,)
    lines = {line["task"]: line for line in lines_of(tmp_path / "traces.jsonl")}
    assert len(lines) == 3
    room, needed, kinds = (
        next(line for task, line in lines.items() if word in task) for word in ("disk", "need", "source")
    )
    for line in lines.values():
        assert line["session_metadata"]["session_key"] in done.stdout
        assert line["final_answer"] in done.stdout
        assert len(line["plan"]["steps"]) == len(line["steps"]) == 4
        assert line["session_metadata"]["token_usage"]["calls"] >= 4
        assert line["session_metadata"]["token_usage"]["total_tokens"] > 0
        assert all("reward_missing" not in step["metadata"] for step in line["steps"])
        assert all(step["validation"]["valid"] for step in line["steps"])
        types = Counter(event["type"] for event in line["trajectory_events"])
        assert types["WORKFLOW_START"] == types["WORKFLOW_END"] == types["ADAPTER_EVENT"] == 1

    # One query fails, once, and what it taught is known from then on.
    assert [step["attempts"] for step in room["steps"]] == [1, 2, 1, 1]
    assert [step["attempts"] for step in needed["steps"] + kinds["steps"]] == [1] * 8
    query = room["steps"][1]
    assert query["guidance"] == ["There is no column size: files has the columns package, path, suffix, bytes."]
    first, second = query["metadata"]["attempt_history"]
    assert first["evaluation"]["validation"]["reason"] == "no such column: size"
    assert (first["evaluation"]["reward"]["score"], second["evaluation"]["reward"]["score"]) == (0.0, 1.0)
    assert room["session_reward"]["score"] == 0.8
    failed = [
        event["event"]["payload"]["metadata"]["error"]["message"]
        for event in room["trajectory_events"]
        if event["type"] == "TOOL_END" and event["event"]["payload"]["metadata"]["status"] == "failed"
    ]
    assert failed == ["no such column: size"]

    # The answers are what importlib.metadata says, counted here without SQL.
    sizes: Counter[str] = Counter()
    dependents: Counter[str] = Counter()
    for distribution in metadata.distributions():
        name = canonical(distribution.metadata["Name"])
        sizes[name] += sum(file.size or 0 for file in distribution.files or ())
        needs = {
            canonical(text.split(";")[0].strip().split()[0]) for text in distribution.requires or () if ";" not in text
        }
        dependents.update({canonical(_bare(need)) for need in needs})
    biggest, size = sizes.most_common(1)[0]
    assert f"are {biggest} ({size / 1e6:.1f} MB)" in room["final_answer"]
    most = max(dependents.values())
    assert f"({most})" in needed["final_answer"]
    assert dependents[needed["final_answer"].split(" are ")[1].split(" (")[0]] == most


def _bare(requirement: str) -> str:
    for end, character in enumerate(requirement):
        if not (character.isalnum() or character in "-_."):
            return requirement[:end]
    return requirement


def test_a_terminal_sees_the_run_and_content_capture_is_honoured(database_url: str, tmp_path: Path) -> None:
    done = demo(tmp_path, ATLAS_OTEL_DATABASE_URL=database_url, ATLAS_OTEL_CONSOLE="1", ATLAS_OTEL_CAPTURE_CONTENT="0")
    assert done.returncode == 0, done.stderr
    told = done.stderr.splitlines()
    assert sum(line.startswith("=== Atlas task started: [not captured] (") for line in told) == 3
    assert sum(line.startswith("=== Atlas task completed in ") for line in told) == 3
    assert "validation=FAIL" in done.stderr
    for private in ("disk", "no such column", "SELECT", "typing-extensions"):
        assert private not in done.stderr
    stored = (tmp_path / "traces.jsonl").read_text(encoding="utf-8")
    assert "SELECT" not in stored


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--database-url", "mysql://nowhere"], 2, "the database URL"),
        (["--database-url", "postgresql://user:secret@127.0.0.1:1/none"], 1, "127.0.0.1:1"),
        (["--output", "/dev/null/traces.jsonl"], 1, "/dev/null/traces.jsonl"),
    ],
    ids=["wrong URL", "unreachable server", "output that cannot be written"],
)
def test_bad_input_is_one_line(database_url: str, tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = demo(tmp_path, *arguments, ATLAS_OTEL_DATABASE_URL=database_url)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert "secret" not in done.stderr + done.stdout
