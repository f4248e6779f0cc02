"""Each example, run as a user runs it: the command, the config, a real database, the exported line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
ATLAS = [sys.executable, "-m", "atlas_otel"]


@pytest.fixture
def environment(database_url, tmp_path):
    return {**os.environ, "ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}


@pytest.fixture
def atlas(environment, tmp_path):
    def call(*arguments, code=0):
        done = subprocess.run(
            [*ATLAS, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=110
        )
        assert done.returncode == code, done.stderr
        return done

    return call


@pytest.fixture
def lines(atlas, tmp_path):
    def read():
        out = tmp_path / "out.jsonl"
        atlas("export", "--output", str(out), "--include-all-statuses", "--quiet")
        return [json.loads(line) for line in out.read_text().splitlines()]

    return read


def config(name):
    return str(EXAMPLES / f"{name}.yaml")


def run(environment, folder, *command):
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, cwd=folder, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_smallest_agent(environment, lines, tmp_path):
    assert run(environment, tmp_path, EXAMPLES / "smallest.py") == "It is 5."
    (line,) = lines()
    assert (line["task"], line["final_answer"]) == ("What is two and three?", "It is 5.")
    assert [event["name"] for event in line["trajectory_events"] if event["type"] == "TOOL_END"] == ["add"]


def test_a_reward_that_comes_a_day_later(environment, lines, tmp_path):
    key = run(environment, tmp_path, EXAMPLES / "late_reward.py", "order", "2 apples")
    assert "session_reward" not in lines()[0]
    run(environment, tmp_path, EXAMPLES / "late_reward.py", "returned", key)
    (line,) = lines()
    assert line["session_metadata"]["session_key"] == key
    assert (line["session_reward"]["score"], line["session_reward"]["rationale"]) == (0.0, "sent back")
    (step,) = line["steps"]
    assert step["reward"]["score"] == 0.0
    assert "reward_missing" not in step["metadata"]


def test_an_mcp_server_joins_the_session_of_its_caller(environment, lines, tmp_path):
    assert run(environment, tmp_path, EXAMPLES / "mcp" / "agent.py") == "There are 7 apples."
    (line,) = lines()
    assert line["final_answer"] == "There are 7 apples."
    calls = [event["name"] for event in line["trajectory_events"] if event["type"] == "TOOL_END"]
    assert "query" in calls, "the server's own call is in the session"


def test_every_example_is_listed_and_says_how_to_run_it():
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    kinds = (".py", ".ts", ".yaml", ".ipynb")
    files = [path for path in sorted(EXAMPLES.rglob("*")) if path.suffix in kinds and "node_modules" not in path.parts]
    assert [str(path) for path in files if f"]({path.relative_to(EXAMPLES)})" not in page] == []


def test_every_example_config_is_right(atlas):
    files = sorted(str(path) for path in EXAMPLES.glob("*.yaml"))
    said = atlas("config", "check", *files).stdout.splitlines()
    assert said == [f"{path}: right" for path in files]
    assert len(files) >= 4


def test_the_sqlite_adapter(atlas, lines):
    task = "List the velocity of the active projects."
    said = atlas("run", "--config", config("sqlite_adapter"), "--task", task, "--json")
    result = json.loads(said.stdout)
    assert result["final_answer"] == "Hermes: 42, Orion: 33, Zephyr: 27"
    (line,) = lines()
    assert line["session_metadata"]["adapter_capabilities_reported"]["control_loop"] == "self"
    (step,) = line["steps"]
    assert step["attempts"] == 2
    assert step["guidance"] == ["Leave out projects whose status is archived."]
    assert json.loads(step["output"])["notes"] == "3 rows"
    assert line["session_reward"]["score"] == 0.7
    assert line["student_learning"].startswith("Filter by status")
    names = [event["name"] for event in line["trajectory_events"] if event["type"] == "ADAPTER_EVENT"]
    assert names == ["progress", "env_action", "tool_response", "env_action", "tool_response"]


def test_the_function_agent(atlas, lines):
    task = "Boats wait. The moon pulls the sea, and the sea follows the moon. Tides are long waves."
    said = atlas("run", "--config", config("function_agent"), "--task", task, "--json")
    assert json.loads(said.stdout)["final_answer"] == "The moon pulls the sea, and the sea follows the moon."
    (line,) = lines()
    assert line["execution_mode"] == "escalate"
    assert [step["depends_on"] for step in line["plan"]["steps"]] == [[], [1]]
    assert line["steps"][1]["context"]["prior_results"]["1"]["output_text"].startswith('{"status":"ok"')
    tools = [event["name"] for event in line["trajectory_events"] if event["type"] == "TOOL_START"]
    assert tools == ["count_words", "split_sentences"]


def test_the_number_game(atlas, lines):
    said = atlas("run", "--config", config("number_game"), "--task", "Find the number; it is 37.", "--json")
    assert json.loads(said.stdout)["final_answer"] == "The number is 37, found in 3 guesses."
    (line,) = lines()
    assert line["plan"]["execution_mode"] == "single_shot"
    assert line["steps"][0]["metadata"]["environment_reward"] == pytest.approx(0.8)


def test_the_http_agents_spans_join_the_session(atlas, lines, environment):
    command = [sys.executable, str(EXAMPLES / "http_agent_server.py"), "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        environment["GEOGRAPHER_URL"] = server.stdout.readline().split()[-1]
        task = "What are the capitals of Japan and Peru?"
        said = atlas("run", "--config", config("http_agent"), "--task", task, "--json")
        assert json.loads(said.stdout)["final_answer"] == "Japan: Tokyo; Peru: Lima"
        server.send_signal(signal.SIGINT)
    (line,) = lines()
    remote = [event for event in line["trajectory_events"] if event["name"] in ("geographer", "look_up")]
    assert [event["type"] for event in remote] == [
        "FUNCTION_START",
        "TOOL_START",
        "TOOL_END",
        "TOOL_START",
        "TOOL_END",
        "FUNCTION_END",
    ]
    assert {event["event"]["payload"]["metadata"]["step_id"] for event in remote} == {1}


def test_several_tasks_at_once_from_a_file(atlas, lines, tmp_path):
    tasks = tmp_path / "tasks.jsonl"
    wanted = ["Count the active projects.", "List the projects.", "Show velocity."]
    rows = [
        json.dumps(wanted[0]),
        "",
        *(json.dumps({"task": task, "metadata": {"tenant": "t"}}) for task in wanted[1:]),
    ]
    tasks.write_text("\n".join(rows))
    said = atlas("run", "--config", config("sqlite_adapter"), "--tasks", str(tasks), "--at-once", "3")
    assert said.stdout.count("paired") == 3
    assert "=== Atlas task" not in said.stdout
    found = lines()
    assert sorted(line["task"] for line in found) == sorted(wanted)
    assert [line["session_metadata"].get("tenant") for line in found].count("t") == 2


def test_describe_says_what_is_negotiated_and_which_lane_and_why(atlas):
    said = atlas("adapters", "describe", "--config", config("sqlite_adapter")).stdout
    assert "control_loop: self" in said
    assert "events while opening: 1" in said
    assert "lane: paired: adaptive_teaching.mode_override names it" in said
    values = json.loads(atlas("adapters", "describe", "--config", config("sqlite_adapter"), "--json").stdout)
    assert values["adapter_capabilities"]["supports_stepwise"] is False
    assert values["hooks"] == ["aopen_session", "aplan", "aexecute", "asynthesize", "aclose"]
    assert (values["lane"], values["validates"], values["retries"]) == ("paired", True, True)
    assert values["earlier_sessions"] == 0


def test_a_failed_task_is_told_and_is_exit_code_1(atlas, lines, tmp_path):
    (tmp_path / "broken.py").write_text("def main(prompt, metadata):\n    raise ValueError('no such thing')\n")
    (tmp_path / "broken.yaml").write_text("agent: {type: python, name: broken, import_path: broken}\n")
    said = atlas("run", "--config", "broken.yaml", "--task", "anything", code=1)
    assert "FAILED: ainvoke of broken failed: ValueError: no such thing" in said.stdout
    (line,) = lines()
    assert line["session_metadata"]["failure"]["type"] == "ValueError"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--config", "missing.yaml", "--task", "t"), "missing.yaml: cannot be read"),
        (("run", "--config", config("sqlite_adapter")), "no task given"),
        (("run", "--config", config("sqlite_adapter"), "--tasks", "missing.jsonl"), "missing.jsonl: cannot be read"),
        (("config", "check", "missing.yaml"), "missing.yaml: cannot be read"),
        (("adapters", "describe", "--config", "missing.yaml"), "missing.yaml: cannot be read"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(atlas, arguments, says):
    said = atlas(*arguments, code=2)
    assert says in said.stderr
    assert "Traceback" not in said.stderr


def test_the_schema_describes_the_config(atlas):
    schema = json.loads(atlas("config", "schema").stdout)
    assert schema["properties"]["learning"]["deprecated"] is True
    retries = schema["$defs"]["OrchestrationConfig"]["properties"]["max_retries"]
    assert {option["type"] for option in retries["anyOf"]} == {"integer", "string"}
