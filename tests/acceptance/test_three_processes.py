"""A session that two processes recorded, with a reward that came later from a third: one right line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

AGENT = """
    import json, subprocess, sys
    from opentelemetry import propagate
    import atlas_otel as atlas

    atlas.configure("agent")

    @atlas.tool
    def ask(question):
        headers = {}
        propagate.inject(headers)
        done = subprocess.run([sys.executable, "helper.py", json.dumps(headers), question], stdout=-1, check=True)
        return done.stdout.decode().strip()

    with atlas.session("How many tickets are open?", name="desk") as session:
        with atlas.step("Count", id=1) as step:
            step.output = ask("count")
        with atlas.step("Write", id=2) as step:
            step.output = session.final_answer = f"{ask('write')} tickets"
    print(session.id)
"""
HELPER = """
    import json, sys
    from opentelemetry import context, propagate
    import atlas_otel as atlas

    atlas.configure("helper")

    @atlas.llm(model="m", provider="p")
    def complete(messages):
        return {"choices": [{"message": {"content": "three"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}

    context.attach(propagate.extract(json.loads(sys.argv[1])))
    complete([{"role": "user", "content": sys.argv[2]}])
    print("three")
"""
JUDGE = """
    import sys
    import atlas_otel as atlas

    atlas.configure("judge")
    atlas.record_reward(0.25, session_id=sys.argv[1], judge="first", rationale="hasty")
    atlas.record_reward(0.75, session_id=sys.argv[1], judge="second", rationale="three is right")
    atlas.record_reward(0.5, session_id=sys.argv[1], step=2, judge="second", rationale="terse")
"""


@pytest.mark.parametrize("propagate", ["true", "false"], ids=["baggage", "the trace alone"])
def test_it_is_one_right_line_and_verify_finds_nothing(database_url: str, tmp_path: Path, propagate: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    environment |= {
        "ATLAS_OTEL_DATABASE_URL": database_url,
        "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool"),
        "ATLAS_OTEL_PROPAGATE_SESSION": propagate,
    }
    for name, program in (("agent.py", AGENT), ("helper.py", HELPER), ("judge.py", JUDGE)):
        (tmp_path / name).write_text(textwrap.dedent(program), encoding="utf-8")

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    key = run("agent.py")
    run("-m", "atlas_otel", "export", "--include-all-statuses", "--output", "before.jsonl", "--quiet")
    run("judge.py", key)
    run("-m", "atlas_otel", "export", "--include-all-statuses", "--output", "traces.jsonl", "--quiet")
    (before,) = map(json.loads, (tmp_path / "before.jsonl").read_text().splitlines())
    (line,) = map(json.loads, (tmp_path / "traces.jsonl").read_text().splitlines())
    assert "session_reward" not in before
    assert line["session_metadata"]["session_key"] == key
    assert line["session_metadata"]["session_id"] == before["session_metadata"]["session_id"]
    assert (line["task"], line["final_answer"]) == ("How many tickets are open?", "three tickets")
    assert line["session_metadata"]["token_usage"] == {
        "prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8, "calls": 2,
    }  # fmt: skip
    assert (line["session_reward"]["score"], line["session_reward"]["rationale"]) == (0.75, "three is right")
    assert [entry["score"] for entry in line["reward_audit"]] == [0.25, 0.75]
    one, two = line["steps"]
    assert (one["reward_missing"], two["reward"]["score"], "reward_missing" in two) == (True, 0.5, False)
    assert "three" in one["trace"], "what the other process did stands in the step's transcript"
    assert [event["type"] for event in line["trajectory_events"]].count("LLM_END") == 2
    run("-m", "atlas_otel", "verify", "--file", "traces.jsonl")
