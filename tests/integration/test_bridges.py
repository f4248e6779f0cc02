"""Other projects' agents, unchanged, under our bridges: in a process and an environment of their own, into Postgres
and a line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atlas_otel
import atlas_otel_exporters
from atlas_otel.models.session_trace import AtlasSessionTrace
from atlas_otel_exporters import export_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = Path(__file__).parents[1] / "peers" / "bridges"

pytestmark = pytest.mark.timeout(900)  # the first run makes the peer's environment

Json = dict[str, Any]


def run(python: str, program: str, url: str, folder: Path, output: Path) -> list[Json]:
    """The lines of what the program recorded."""
    ours = folder / "ours"
    ours.mkdir()
    for package in (atlas_otel, atlas_otel_exporters):
        (ours / package.__name__).symlink_to(Path(str(package.__file__)).parent)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ours),
        "ATLAS_OTEL_DATABASE_URL": url,
        "OTEL_TRACES_EXPORTER": "none",
    }
    done = subprocess.run(
        [python, str(PROGRAMS / program), str(output)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    export_jsonl(folder / "lines.jsonl", database_url=url, review_statuses=None)
    lines = [json.loads(line) for line in (folder / "lines.jsonl").read_bytes().split(b"\n") if line]
    for line in lines:
        AtlasSessionTrace.model_validate(line)
    return lines


def steps_of(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def place(step: Json) -> tuple[Any, ...]:
    """What must be kept of a step, whatever else differs."""
    payload, ancestry = step["payload"], step["function_ancestry"]
    return (
        payload["UUID"], payload["event_type"].replace("TTC_", "CUSTOM_"), payload["event_timestamp"],
        payload["name"], step["parent_id"], ancestry["function_id"], ancestry["function_name"],
    )  # fmt: skip


def test_runs_of_the_atlas_sdk(peer_python: Callable[[str], str], database_url: str, tmp_path: Path) -> None:
    lines = run(peer_python("bridge-arc-atlas"), "arc_atlas_agent.py", database_url, tmp_path, tmp_path)
    assert [line["session_metadata"]["status"] for line in lines] == ["succeeded", "failed"]
    for number, line in enumerate(lines):
        pushed = steps_of(tmp_path / f"steps-{number}.jsonl")
        events = [event["event"] for event in line["trajectory_events"]]
        assert [place(event) for event in events] == [place(step) for step in pushed]
        assert [event["payload"]["data"] for event in events] == [step["payload"]["data"] for step in pushed]
    done, failed = lines
    assert done["task"] == "How many tickets are open? Ask twice."
    assert done["final_answer"]
    assert done["steps"]
    assert failed["session_metadata"]["failure"]["type"]


def test_an_agent_of_nemo_agent_toolkit(peer_python: Callable[[str], str], database_url: str, tmp_path: Path) -> None:
    steps = tmp_path / "steps.jsonl"
    (line,) = run(peer_python("bridge-nemo"), "nemo_agent.py", database_url, tmp_path, steps)
    assert (line["task"], line["final_answer"]) == ("Count the letters", "Three letters.")
    assert line["session_metadata"]["status"] == "succeeded"
    pushed = steps_of(steps)
    assert len(pushed) == 18
    uuids = {step["payload"]["UUID"] for step in pushed}
    events = [event["event"] for event in line["trajectory_events"]]
    theirs = [event for event in events if event["payload"]["UUID"] in uuids]
    assert sorted(map(place, theirs)) == sorted(map(place, pushed))
    assert line["session_metadata"]["token_usage"] == {
        "prompt_tokens": 15, "completion_tokens": 6, "total_tokens": 21, "calls": 3,
    }  # fmt: skip
    by_type = {event["payload"]["event_type"]: event for event in theirs}
    model = by_type["LLM_END"]["payload"]
    assert model["data"]["payload"] == {"raw": [1, 2]}
    assert (model["framework"], model["usage_info"]["token_usage"]["total_tokens"]) == ("langchain", 7)
    scored = by_type["CUSTOM_END"]["payload"]
    assert (scored["nat_event_type"], scored["data"]["turn_id"], scored["data"]["score"]) == ("TTC_END", "t1", 0.5)
    # Decorated code inside theirs stands where it was called.
    (ours,) = [event for event in events if event["payload"]["event_type"] == "TOOL_END"]
    assert ours["parent_id"] == by_type["FUNCTION_START"]["payload"]["UUID"]
