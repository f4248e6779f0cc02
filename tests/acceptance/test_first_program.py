"""A program written from the README alone, run as a process: its rows and lines say exactly what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.rows import dict_row

PROGRAM = Path(__file__).parent / "programs" / "trips.py"


class Ran(NamedTuple):
    """What the program left behind."""

    keys: dict[str, str]
    lines: dict[str, dict[str, Any]]
    database_url: str


def test_rows_and_lines_say_exactly_what_happened(ran: Ran) -> None:
    # One run for all of it: a process, a database and an export each time would be seconds.
    the_lines_say_what_happened(ran)
    the_events_stand_where_they_happened(ran)
    failed_and_broken_off_calls_keep_what_they_had(ran)
    the_rows_say_the_same(ran)


@pytest.fixture
def ran(database_url: str, tmp_path: Path) -> Ran:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    environment.update(ATLAS_OTEL_DATABASE_URL=database_url, XDG_STATE_HOME=str(tmp_path), HOME=str(tmp_path))

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *command], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done

    program = run("-W", "error", str(PROGRAM))
    assert program.stderr == "", "recording says nothing where there is no terminal"
    said = json.loads(program.stdout)
    assert said["stored"] is True
    run("-m", "atlas_otel", "export", "--include-status", "pending", "--output", "traces.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "traces.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 2
    by_key = {line["session_metadata"]["session_key"]: line for line in lines}
    return Ran(
        said["sessions"],
        {name: by_key[key] for name, key in said["sessions"].items()},
        database_url,
    )


def the_lines_say_what_happened(ran: Ran) -> None:
    oslo, rome = ran.lines["oslo"], ran.lines["rome"]

    assert oslo["task"] == "Where to from Oslo?"
    assert oslo["final_answer"] == "Take the train to Bergen. Bon voyage"
    assert oslo["plan"] == {
        "steps": [
            {"id": 1, "description": "Compare the fares", "tool": None, "tool_params": None, "depends_on": []},
            {"id": 2, "description": "Write the answer", "tool": None, "tool_params": None, "depends_on": []},
        ],
        "execution_mode": "stepwise",
    }
    assert oslo["session_reward"]["score"] == 0.75
    assert oslo["session_reward"]["rationale"] == "short"
    metadata = oslo["session_metadata"]
    assert (metadata["tenant"], metadata["service_name"], metadata["status"]) == ("acme", "trips", "succeeded")
    compare, write = oslo["steps"]
    assert (compare["step_id"], compare["description"], compare["attempts"]) == (1, "Compare the fares", 1)
    assert json.loads(compare["output"]) == {"Bergen": 42, "Paris": 99}
    assert (compare["reward"]["score"], compare["reward"]["rationale"]) == (1.0, "the cheapest")
    assert "reward_missing" not in compare["metadata"]
    assert (write["step_id"], write["output"]) == (2, "Take the train to Bergen. Bon voyage")
    assert write["validation"] == {"valid": True, "reason": "names the cheapest"}
    assert (write["reward"]["score"], write["metadata"]["reward_missing"]) == (0.0, True)
    assert json.loads(write["context"]["prior_results_text"]["1"]) == {"Bergen": 42, "Paris": 99}

    assert rome["task"] == "Where to from Rome?"
    assert json.loads(rome["final_answer"]) == {"to": "Naples", "fare": 17}
    assert rome["learning_key"] == "rome-key"
    assert rome["session_reward"]["score"] == 0.5
    assert rome["session_metadata"]["tags"] == ["b", "a"]
    (find,) = rome["steps"]
    assert (find["step_id"], find["description"], find["attempts"]) == (7, "Find a fare", 2)
    assert find["guidance"] == ["Rome has fares to Naples."]
    assert find["validation"] == {"valid": True}
    first, second = find["metadata"]["attempt_history"]
    assert first["evaluation"]["validation"] == {"valid": False, "reason": "no fare from Rome to Atlantis"}
    assert second["evaluation"]["validation"] == {"valid": True}
    assert [step["id"] for step in rome["plan"]["steps"]] == [7], "the plan lists every step that ran"
    assert all("evaluation" not in step for line in (oslo, rome) for step in line["steps"])


def tree(line: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(type, name, name of the parent) of each trajectory event, in order."""
    names = {event["event"]["payload"]["UUID"]: event["name"] for event in line["trajectory_events"]}
    return [
        (event["type"], event["name"], names.get(event["event"]["parent_id"], event["event"]["parent_id"]))
        for event in line["trajectory_events"]
    ]


def the_events_stand_where_they_happened(ran: Ran) -> None:
    # One after the other: the order is exact.
    assert tree(ran.lines["rome"]) == [
        ("WORKFLOW_START", "rome", "root"),
        ("TASK_START", "step_7", "rome"),
        ("TOOL_START", "fare", "step_7"),
        ("TOOL_END", "fare", "step_7"),
        ("TASK_END", "step_7", "rome"),
        ("CUSTOM_START", "validation", "step_7"),
        ("CUSTOM_END", "validation", "step_7"),
        ("CUSTOM_START", "guidance", "step_7"),
        ("CUSTOM_END", "guidance", "step_7"),
        ("TASK_START", "step_7", "rome"),
        ("TOOL_START", "fare", "step_7"),
        ("TOOL_END", "fare", "step_7"),
        ("CUSTOM_START", "validation", "step_7"),
        ("CUSTOM_END", "validation", "step_7"),
        ("TASK_END", "step_7", "rome"),
        ("ADAPTER_EVENT", "progress", "rome"),
        ("LLM_START", "parrot-1", "rome"),
        ("LLM_END", "parrot-1", "rome"),
        ("CUSTOM_START", "reward", "rome"),
        ("CUSTOM_END", "reward", "rome"),
        ("WORKFLOW_END", "rome", "root"),
    ]
    # Three tools at once, in threads: as many, and each under its step.
    assert Counter(tree(ran.lines["oslo"])) == Counter(
        [
            ("WORKFLOW_START", "from_oslo", "root"),
            ("CUSTOM_START", "plan", "from_oslo"),
            ("CUSTOM_END", "plan", "from_oslo"),
            ("TASK_START", "step_1", "from_oslo"),
            *[("TOOL_START", "fare", "step_1")] * 3,
            *[("TOOL_END", "fare", "step_1")] * 3,
            ("TASK_END", "step_1", "from_oslo"),
            ("TASK_START", "step_2", "from_oslo"),
            ("LLM_START", "parrot-1", "step_2"),
            ("LLM_END", "parrot-1", "step_2"),
            ("CUSTOM_START", "validation", "step_2"),
            ("CUSTOM_END", "validation", "step_2"),
            ("CUSTOM_START", "reward", "step_1"),
            ("CUSTOM_END", "reward", "step_1"),
            ("TASK_END", "step_2", "from_oslo"),
            ("CUSTOM_START", "reward", "from_oslo"),
            ("CUSTOM_END", "reward", "from_oslo"),
            ("WORKFLOW_END", "from_oslo", "root"),
        ]
    )


def ends(line: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [event["event"]["payload"] for event in line["trajectory_events"] if event["type"] == kind]


def failed_and_broken_off_calls_keep_what_they_had(ran: Ran) -> None:
    calls = {end["metadata"]["status"]: end for end in ends(ran.lines["rome"], "TOOL_END")}
    assert calls["failed"]["metadata"]["error"]["type"] == "LookupError"
    assert calls["failed"]["metadata"]["error"]["message"] == "no fare from Rome to Atlantis"
    assert calls["succeeded"]["data"]["output"] == 17
    results = {
        str(end["data"]["output"]): end["metadata"].get("error", {}) for end in ends(ran.lines["oslo"], "TOOL_END")
    }
    assert set(results) == {"42", "None", "99"}
    assert results["None"]["message"] == "no fare from Oslo to Atlantis"
    arguments = [event["data"]["input"] for event in ends(ran.lines["oslo"], "TOOL_START")]
    assert sorted(argument["destination"] for argument in arguments) == ["Atlantis", "Bergen", "Paris"]
    assert {argument["currency"] for argument in arguments} == {"EUR"}, "defaults are arguments too"

    (whole,), (broken,) = ends(ran.lines["oslo"], "LLM_END"), ends(ran.lines["rome"], "LLM_END")
    assert whole["data"]["output"] == "Take the train to Bergen. Bon voyage"
    assert whole["metadata"]["stream"] == {"chunks": 8, "incomplete": False}
    assert broken["data"]["output"] == "Take the train to Naples."
    assert broken["metadata"]["stream"] == {"chunks": 6, "incomplete": True}


def the_rows_say_the_same(ran: Ran) -> None:
    with psycopg.connect(ran.database_url, row_factory=dict_row) as connection:

        def rows(query: str) -> list[dict[str, Any]]:
            return connection.execute(query).fetchall()

        sessions = rows("SELECT id, task, status, review_status, reward_stats->>'score' AS score FROM sessions")
        ids = {row["task"]: row["id"] for row in sessions}
        assert {(row["task"], row["status"], row["review_status"], row["score"]) for row in sessions} == {
            ("Where to from Oslo?", "succeeded", "pending", "0.75"),
            ("Where to from Rome?", "succeeded", "pending", "0.5"),
        }
        oslo, rome = ids["Where to from Oslo?"], ids["Where to from Rome?"]
        counted = rows("SELECT session_id, step_id, attempts FROM step_results ORDER BY 1, 2")
        assert {tuple(row.values()) for row in counted} == {(oslo, 1, 1), (oslo, 2, 1), (rome, 7, 2)}
        attempts = rows(
            "SELECT session_id, step_id, attempt, evaluation->'validation'->'valid' AS v FROM step_attempts"
        )
        assert {tuple(row.values()) for row in attempts} == {
            (oslo, 1, 1, None),
            (oslo, 2, 1, True),
            (rome, 7, 1, False),
            (rome, 7, 2, True),
        }
        assert rows("SELECT session_id, step_id, sequence, note FROM guidance_notes") == [
            {"session_id": rome, "step_id": 7, "sequence": 1, "note": "Rome has fares to Naples."}
        ]
        events = rows("SELECT session_id, count(*) AS n FROM trajectory_events GROUP BY 1")
        assert {row["session_id"]: row["n"] for row in events} == {
            oslo: len(ran.lines["oslo"]["trajectory_events"]),
            rome: len(ran.lines["rome"]["trajectory_events"]),
        }
        # Each session is one trace, and each record is one span: nothing was doubled, and nothing is open.
        spans = rows("SELECT trace_id, span_id, session_key, end_ns FROM atlas_otel.spans")
        assert len({(row["trace_id"], row["span_id"]) for row in spans}) == len(spans)
        assert Counter(row["session_key"] for row in spans) == {ran.keys["oslo"]: 7, ran.keys["rome"]: 6}
        assert all(row["end_ns"] is not None for row in spans)
