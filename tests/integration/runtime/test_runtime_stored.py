"""Governed runs in a real Postgres: rows, routing by history, drift, review, and the exported line."""

from __future__ import annotations

import json

import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider

import atlas_otel as atlas
from atlas_otel.errors import ConfigError
from atlas_otel.runtime.run import arun
from atlas_otel_exporters import export_jsonl


@pytest.fixture
def telemetry(database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    # A provider of its own: the global one can be set only once in a process.
    made = atlas.configure("tests", database_url=database_url, tracer_provider=TracerProvider(), console=False)
    yield made
    made.shutdown(10)


def read(database_url, sql, *values):
    with psycopg.connect(database_url) as connection:
        return connection.execute(sql, values).fetchall()


async def test_a_run_is_stored_and_exported(agents, hooked, telemetry, database_url, tmp_path):
    hooked.outputs = ("bad", '{"status": "ok", "text": "good"}')
    agents.put(
        agent=hooked,
        teach=lambda attempt=0, **_: {"valid": attempt > 1, "guidance": "better"},
        judge=lambda **_: {"score": 0.75, "rationale": "it will do", "student_learning": "check first"},
    )
    result = await arun("the task", config=agents.config(lane="paired"), session_metadata={"tenant": "acme"})
    assert telemetry.flush(20)
    ((status, answer, mode, score, review, learned),) = read(
        database_url,
        "SELECT status, final_answer, metadata ->> 'execution_mode', reward_stats ->> 'score', review_status,"
        " student_learning FROM sessions WHERE metadata ->> 'session_key' = %s",
        result.session_id,
    )
    assert (status, answer, mode, float(score)) == ("succeeded", "synthesized 1", "paired", 0.75)
    assert (review, learned) == ("pending", "check first")
    assert read(database_url, "SELECT attempt FROM step_attempts ORDER BY attempt") == [(1,), (2,)]
    assert read(database_url, "SELECT note FROM guidance_notes") == [("better",)]
    export_jsonl(tmp_path / "out.jsonl", database_url=database_url, review_statuses=None)
    line = json.loads((tmp_path / "out.jsonl").read_text())
    assert line["execution_mode"] == "paired"
    assert line["session_metadata"]["adapter_capabilities"]["control_loop"] == "self"
    assert line["session_metadata"]["adapter_capabilities_reported"]["telemetry_stream"] is True
    assert (line["session_reward"]["score"], line["student_learning"]) == (0.75, "check first")
    (step,) = line["steps"]
    assert (step["guidance"], step["validation"]["valid"], step["attempts"]) == (["better"], True, 2)
    assert step["metadata"]["reward_missing"] is True
    types = [event["type"] for event in line["trajectory_events"]]
    assert types.count("ADAPTER_EVENT") == 3
    assert types[:2] == ["ADAPTER_EVENT", "WORKFLOW_START"]


@pytest.mark.parametrize(
    ("lane", "steps", "attempts", "types"),
    [
        ("auto", ["the task"], [1], []),
        ("paired", ["the task"], [2], ["step_validation"] * 2),
        ("coach", ["the task\n\nFollow this plan:\n1. look\n2. write"], [2], ["step_validation"] * 2),
        ("escalate", ["look", "write"], [2, 2], ["step_validation"] * 4),
    ],
)
async def test_each_lane_shows_in_rows_line_and_spans(
    agents, hooked, telemetry, database_url, tmp_path, lane, steps, attempts, types
):
    hooked.control_loop, hooked.stepwise = "atlas", True
    hooked.steps = [{"id": 1, "description": "look"}, {"id": 2, "description": "write", "depends_on": [1]}]
    agents.put(
        agent=hooked,
        teach=lambda phase, attempt=0, **_: {"valid": attempt > 1, "guidance": "better"} if attempt else None,
        judge=lambda **_: 0.6,
    )
    result = await arun("the task", config=agents.config(lane=lane))
    assert telemetry.flush(20)
    export_jsonl(tmp_path / "out.jsonl", database_url=database_url, review_statuses=None)
    line = json.loads((tmp_path / "out.jsonl").read_text())
    assert [step["description"] for step in line["plan"]["steps"]] == steps
    assert [step["attempts"] for step in line["steps"]] == attempts
    assert [step["guidance"] for step in line["steps"]] == [["better"] * (count - 1) for count in attempts]
    assert (line["execution_mode"], line["session_reward"]["score"]) == (lane, 0.6)
    assert line["adaptive_summary"]["mode_history"] == [{"mode": lane, "confidence": 1.0, "reason": "mode_override"}]
    spans = read(
        database_url,
        "SELECT name, kind FROM atlas_otel.spans WHERE session_key = %s ORDER BY start_ns",
        result.session_id,
    )
    assert spans[0] == ("invoke_agent tester", "session")
    assert [name for name, _ in spans if name == "step_validation"] == types
    assert len([name for name, kind in spans if kind == "step"]) == sum(attempts)
    assert [name for name, _ in spans][-1] == "reward_evaluation"


async def test_history_routes_the_next_run_and_drift_asks_for_a_look(agents, telemetry, database_url, monkeypatch):
    monkeypatch.setenv("ATLAS_REVIEW_REQUIRE_APPROVAL", "0")
    scores = iter([0.80, 0.82, 0.78, 0.81, 0.79, 0.1])
    probed = []
    agents.put(
        agent=lambda prompt: "done",
        judge=lambda **_: next(scores),
        probe=lambda learning_history, **_: probed.append(learning_history) or {"confidence": 0.9},
    )
    config = agents.config(
        adaptive_teaching={
            "probe": {"type": "python", "import_path": agents.module.__name__, "attribute": "probe"},
            "reward": {"type": "python", "import_path": agents.module.__name__, "attribute": "judge"},
        }
    )
    results = [await arun("the task", config=config) for _ in range(6)]
    assert telemetry.flush(20)
    assert [result.execution_mode for result in results] == ["paired"] + ["auto"] * 5
    assert [history["count"] for history in probed] == [1, 2, 3, 4, 5]
    assert [result.review_status for result in results] == ["approved"] * 5 + ["pending"]
    rows = read(
        database_url,
        "SELECT review_status, review_notes, metadata -> 'drift_alert', metadata -> 'drift' ->> 'reason'"
        " FROM sessions ORDER BY id",
    )
    approved = ("approved", "Auto-approved (review gating disabled).", False)
    assert [row[:3] for row in rows[:5]] == [approved] * 5
    assert rows[5] == ("pending", "Reward drift alert (score_z).", True, "score_z")


async def test_a_score_that_nobody_gave_is_no_baseline(agents, telemetry, database_url):
    def broken(**_):
        raise RuntimeError("judge is away")

    agents.put(agent=lambda prompt: "done", judge=broken)
    for _ in range(2):
        await arun("the task", config=agents.config())
    assert telemetry.flush(20)
    (_, history) = read(database_url, "SELECT metadata -> 'learning_history' FROM sessions ORDER BY id")
    assert history[0]["count"] == 1
    assert history[0]["entries"][0]["score"] is None


async def test_a_database_that_does_not_answer_costs_the_history_only(agents, tmp_path, monkeypatch):
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path / "spool"))
    made = atlas.configure(
        "tests",
        database_url="postgresql://nobody@127.0.0.1:9/nothing?connect_timeout=1",
        tracer_provider=TracerProvider(),
        console=False,
    )
    try:
        agents.put(agent=lambda prompt: "done")
        assert (await arun("the task", config=agents.config())).final_answer == "done"
    finally:
        made.shutdown(0.5)


async def test_another_database_than_configures_is_an_error_that_says_so(agents, telemetry, database_url):
    agents.put(agent=lambda prompt: "done")
    other = "postgresql://someone:s3cret@elsewhere/other"
    with pytest.raises(ConfigError, match=r"storage\.database_url names database other at elsewhere") as caught:
        await arun("the task", config=agents.config(storage={"database_url": other}))
    assert "s3cret" not in str(caught.value)
    assert (await arun("the task", config=agents.config(storage={"database_url": database_url}))).final_answer == "done"


async def test_a_models_own_spans_say_on_whose_behalf_they_were_made(agents, chat_server, telemetry, database_url):
    agents.put(agent=lambda prompt: "done")
    llm = {"model": "small", "api_key_env": "NO_KEY_SET", "timeout_seconds": 30}
    with chat_server(lambda request: {"valid": True}) as server:
        config = agents.config(lane="paired", teacher={"llm": {**llm, "api_base": server.url}})
        result = await arun("the task", config=config)
    assert telemetry.flush(20)
    found = read(
        database_url,
        "SELECT name FROM atlas_otel.spans WHERE session_key = %s AND attributes ->> 'atlas.actor' = 'teacher'",
        result.session_id,
    )
    names = {name for (name,) in found}
    assert {"step_validation", "chat small"} <= names
    # A teacher's own agent span is no step of the plan.
    assert read(database_url, "SELECT step_id, attempts FROM step_results") == [(1, 1)]
    ((usage, governance),) = read(
        database_url, "SELECT metadata -> 'token_usage', metadata -> 'governance_token_usage' FROM sessions"
    )
    assert usage["calls"] == 0
    assert governance == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "calls": 1}
