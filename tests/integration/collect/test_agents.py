"""Command-line agents, end to end: what they really sent, through ``collect`` and through ``import``, over Postgres, to
the same lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from atlas_otel.cli import main
from tests.support.exported_lines import assert_no_empty_message
from tests.support.model_wires import ANSWER, TASK
from tests.support.producers import recording

pytestmark = pytest.mark.timeout(120)
ANSWERS = {"codex": "", "claude-code": ANSWER, "copilot-cli": ANSWER}
"""What each states as the answer; Codex sends nothing that its model said."""


def export(url: str, folder: Path, format: str) -> list[Any]:
    output = folder / f"{format}.jsonl"
    asked = ["--format", format, "--database-url", url, "--output", str(output), "--include-all-statuses"]
    assert main(["export", *asked]) == 0
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert_no_empty_message(lines)
    return lines


def check(name: str, url: str, folder: Path) -> None:
    (line,) = export(url, folder, "atlas")
    assert line["task"].endswith(TASK)
    assert (line["final_answer"] or "") == ANSWERS[name]
    usage = line["session_metadata"]["token_usage"]
    assert (usage["calls"], usage["prompt_tokens"], usage["completion_tokens"]) == (2, 300, 40)
    payloads = [one["event"]["payload"] for one in line["trajectory_events"]]
    tools = [one["metadata"]["tool_info"]["call_id"] for one in payloads if one["event_type"] == "TOOL_START"]
    assert sorted(tools) == ["call_atlantis", "call_oslo"]


@pytest.mark.parametrize("name", ANSWERS)
def test_import(name: str, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "sent.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in recording(name).signals), encoding="utf-8")
    assert main(["import", str(file), "--database-url", database_url]) == 0
    check(name, database_url, tmp_path)


@pytest.mark.parametrize("name", ANSWERS)
def test_collect(name: str, start: Callable[..., Any], database_url: str, tmp_path: Path) -> None:
    collector = start()
    for document in recording(name).signals:
        path = "/v1/logs" if "resourceLogs" in document else "/v1/traces"
        for _ in range(2):  # a sender that got no answer sends again
            assert httpx.post(collector.base + path, json=document, timeout=30).status_code == 200
    assert collector.stop() == 0, collector.said()
    check(name, database_url, tmp_path)
