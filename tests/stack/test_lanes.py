"""A governed run of each lane, seen in Jaeger: plan, attempts, guidance, reward and route, in their order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import Stack, attributes

PROGRAM = """
import sys

import atlas_otel as atlas


def main(prompt="", metadata=None):
    return "an answer"


def teach(phase=None, attempt=1, **_):
    if phase == "plan_review":
        return None
    return {"valid": attempt > 1, "reason": "no source", "guidance": "cite the source"}


def judge(**_):
    return {"score": 0.8, "rationale": "good"}


if __name__ == "__main__":
    atlas.configure("lanes", otlp_endpoint=sys.argv[2])
    here = {"import_path": "governed"}
    config = {
        "agent": {"type": "python", "name": "lanes", **here, "attribute": "main", "working_directory": "."},
        "teacher": {"type": "python", **here, "attribute": "teach"},
        "adaptive_teaching": {
            "mode_override": sys.argv[1],
            "reward": {"type": "python", **here, "attribute": "judge"},
        },
    }
    print(atlas.run("the task", config=config).trace_id)
"""
BEFORE = ["load_agent", "handshake", "triage", "adaptive_route"]
ATTEMPTS = ["step 1: the task", "step_validation", "step 1 (attempt 2): the task", "step_validation"]
STORIES = {
    "auto": [*BEFORE, "step 1: the task", "reward_evaluation"],
    "paired": [*BEFORE, *ATTEMPTS, "reward_evaluation"],
    "coach": [*BEFORE, "plan_creation", "plan_review", *ATTEMPTS, "reward_evaluation"],
    "escalate": [*BEFORE, "plan_creation", "plan_review", *ATTEMPTS, "final_synthesis", "reward_evaluation"],
}


@pytest.mark.parametrize("lane", list(STORIES))
def test_a_lane_reads_as_its_story(stack: Stack, tmp_path: Path, lane: str) -> None:
    (tmp_path / "governed.py").write_text(PROGRAM)
    command = [sys.executable, "governed.py", lane, stack.collector.endpoint]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    story = ["invoke_agent lanes", *STORIES[lane]]
    spans = stack.jaeger.await_spans(ran.stdout.strip(), len(story))
    assert [span["name"] for span in spans] == story

    session = spans[0]
    top = [span["name"] for span in spans if span.get("parentSpanId") == session["spanId"]]
    assert top == [name for name in STORIES[lane] if name not in ("step_validation", "plan_review")]
    route = json.loads(attributes(spans[story.index("adaptive_route")])["atlas.output"])
    assert (route["mode"], route["reason"]) == (lane, "mode_override")
    events = {name for span in spans for name in (event["name"] for event in span.get("events", []))}
    assert "gen_ai.evaluation.result" in events
    if lane != "auto":
        first, second = (span for span in spans if span["name"].endswith(": the task"))
        assert first["status"] == {"code": 2, "message": "ValidationFailed: no source"}
        assert second.get("status", {}).get("code", 0) != 2
        assert json.loads(attributes(second)["atlas.input"])["guidance"] == ["cite the source"]
        assert {"atlas.guidance", "atlas.validation"} <= events
