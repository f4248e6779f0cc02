"""Runs as they really are, and exactly the rows that they come to (contract §2, §3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.models.rows import SessionRows, StepResultRow
from atlas_otel.projection.project import project
from atlas_otel.records.record import RANK_REAPED, EventRecord, RecordSet, SpanEvent, SpanLink
from atlas_otel.testing import recording

NewRun = Callable[[], Any]


def rows_of(run: Any) -> SessionRows:
    rows = project(RecordSet(run.records))
    assert rows is not None
    return rows


def events_of(rows: SessionRows) -> list[dict[str, Any]]:
    return [json.loads(event.event) for event in rows.events]


def told(rows: SessionRows) -> list[tuple[str, str]]:
    return [(event["payload"]["event_type"], event["payload"]["name"]) for event in events_of(rows)]


def step_of(rows: SessionRows, step_id: int) -> StepResultRow:
    return next(step for step in rows.steps if step.step_id == step_id)


# --- a decorated agent -----------------------------------------------------------------------------------------------


@atlas.tool
def query(sql: str) -> list[int]:
    if "projcts" in sql:
        raise LookupError("no such table: projcts")
    return [4]


@atlas.llm(model="gpt-5-mini", provider="openai")
def complete(messages: list[dict[str, Any]]) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"seen {len(messages)}"}
    usage = {"prompt_tokens": 10 * len(messages), "completion_tokens": 5}
    return {"model": "gpt-5-mini-2", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


@atlas.step(description="Count the projects", id=1)
def count(table: str) -> list[int]:
    return query(f"select count(*) from {table}")


@pytest.fixture
def analyst() -> SessionRows:
    """Plans, fails once, is told better, retries, writes."""
    with recording() as recorded:
        with atlas.session(
            "How many projects?", name="analyst", tags=["sql", "demo"], metadata={"tenant": "acme"}
        ) as s:
            atlas.set_plan(["Count the projects", {"description": "Write", "tool": "pen", "depends_on": [1]}])
            with pytest.raises(LookupError):
                count("projcts")
            atlas.set_validation(False, step=1, reason="the query failed")
            atlas.record_reward(0.1, step=1, judge="checker", rationale="wrong table")
            atlas.add_guidance("The table is called projects.", step=1)
            count("projects")
            atlas.set_validation(True)  # nothing is in force but the session
            atlas.record_reward(0.9, step=1, name="reward", primary=True)
            atlas.record_reward(0.3, step=1, name="style")
            with atlas.step("Write") as step:
                complete([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "4"}])
                atlas.emit_event("progress", {"done": 0.5})
                step.output = {"status": "ok", "artifacts": ["a.txt"], "text": "Four."}
            atlas.record_reward(0.8, judges=[{"identifier": "rim", "score": 0.8, "samples": [
                {"score": 0.7, "uncertainty": 0.2}, {"score": 0.9, "uncertainty": 0.1}]}])  # fmt: skip
            s.final_answer = "Four."
        return recorded.rows()


def test_the_session(analyst: SessionRows) -> None:
    session = analyst.session
    assert (session.task, session.final_answer, session.status) == ("How many projects?", "Four.", "succeeded")
    assert session.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
    assert session.completed_at is not None
    metadata = session.metadata
    assert metadata["session_key"] == "session-1"
    assert "session_id" not in metadata, "the exporter gives the row's number, as arc-atlas does"
    assert (metadata["tenant"], metadata["tags"], metadata["agent_name"]) == ("acme", ["sql", "demo"], "analyst")
    assert metadata["created_at"] == session.created_at.isoformat()
    assert metadata["completed_at"] == session.completed_at.isoformat()
    assert metadata["token_usage"] == {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25, "calls": 1}
    assert metadata["teacher_notes"] == ["The table is called projects."]
    assert metadata["validation"] == {"valid": True}
    assert session.review_status == "pending"


def test_the_session_s_reward(analyst: SessionRows) -> None:
    session = analyst.session
    assert session.reward is not None
    assert session.reward["score"] == 0.8
    assert session.metadata["session_reward"] == session.reward
    stats = dict(session.reward_stats or {})
    assert stats.pop("timestamp")
    assert stats == {
        "score": 0.8,
        "score_mean": pytest.approx(0.8),
        "score_stddev": pytest.approx(0.1),
        "sample_count": 2,
        "uncertainty_mean": pytest.approx(0.15),
        "uncertainty_stddev": pytest.approx(0.05),
        "best_uncertainty": 0.1,
    }
    assert [entry["score"] for entry in session.reward_audit or []] == [0.8]
    summary = session.metadata["reward_summary"]
    assert isinstance(summary, dict)
    assert (summary["score"], summary["count"]) == (0.8, 2)


def test_the_plan_keeps_what_was_planned(analyst: SessionRows) -> None:
    assert analyst.plan == {
        "steps": [
            {"id": 1, "description": "Count the projects", "tool": None, "tool_params": None, "depends_on": []},
            {"id": 2, "description": "Write", "tool": "pen", "tool_params": None, "depends_on": [1]},
        ],
        "execution_mode": "stepwise",
    }


def test_a_retried_step(analyst: SessionRows) -> None:
    step = step_of(analyst, 1)
    assert (step.attempts, step.output) == (2, "[4]")
    assert step.trace == (
        "--- attempt 1 ---\n"
        'input: {"table":"projcts"}\n'
        'tool query({"sql":"select count(*) from projcts"})\n'
        "  query failed: LookupError: no such table: projcts\n"
        "failed: LookupError: no such table: projcts\n"
        "validation failed: the query failed\n"
        "guidance: The table is called projects.\n"
        "--- attempt 2 ---\n"
        'input: {"table":"projects"}\n'
        'tool query({"sql":"select count(*) from projects"})\n'
        "  query returned: [4]"
    )
    first, second = (row.evaluation or {} for row in analyst.attempts if row.step_id == 1)
    assert first["validation"] == {"valid": False, "reason": "the query failed"}
    judge = {
        "identifier": "checker", "score": 0.1, "rationale": "wrong table",
        "principles": [], "samples": [], "escalated": False, "escalation_reason": None,
    }  # fmt: skip
    assert first["reward"] == {"score": 0.1, "name": "reward", "rationale": "wrong table", "judges": [judge]}
    assert isinstance(second["reward"], dict)
    assert second["reward"]["score"] == 0.9
    rewards = second["reward"]["rewards"]
    assert isinstance(rewards, dict)
    assert {name: held["score"] for name, held in rewards.items() if isinstance(held, dict)} == {
        "reward": 0.9,
        "style": 0.3,
    }
    assert step.evaluation == second
    assert [(row.step_id, row.sequence, row.note) for row in analyst.guidance] == [
        (1, 1, "The table is called projects.")
    ]
    history = step.metadata["attempt_history"]
    assert isinstance(history, list)
    assert [(h["attempt"], h["status"], h["output"]) for h in history if isinstance(h, dict)] == [
        (1, "failed", ""),
        (2, "succeeded", "[4]"),
    ]
    assert "reward_missing" not in step.metadata
    assert "error" not in step.metadata


def test_a_step_with_a_structured_result(analyst: SessionRows) -> None:
    step = step_of(analyst, 2)
    assert json.loads(step.output) == {"status": "ok", "artifacts": ["a.txt"], "text": "Four."}
    assert step.trace == (
        'model gpt-5-mini\n  system: Be brief.\n  user: 4\n  assistant: seen 2\nevent progress: {"done":0.5}'
    )
    metadata = step.metadata
    assert (metadata["status"], metadata["artifacts"]) == ("ok", ["a.txt"])
    assert (metadata["tool"], metadata["depends_on"], metadata["reward_missing"]) == ("pen", [1], True)
    assert step.evaluation is None
    runtime = metadata["runtime"]
    assert isinstance(runtime, dict)
    assert set(runtime["timings_ms"] or ()) == {"student_ms", "total_ms"}  # type: ignore[arg-type]


def test_the_events_in_order(analyst: SessionRows) -> None:
    assert told(analyst) == [
        ("WORKFLOW_START", "analyst"),
        ("CUSTOM_START", "plan"), ("CUSTOM_END", "plan"),
        ("TASK_START", "step_1"), ("TOOL_START", "query"), ("TOOL_END", "query"), ("TASK_END", "step_1"),
        ("CUSTOM_START", "validation"), ("CUSTOM_END", "validation"),
        ("CUSTOM_START", "reward"), ("CUSTOM_END", "reward"),
        ("CUSTOM_START", "guidance"), ("CUSTOM_END", "guidance"),
        ("TASK_START", "step_1"), ("TOOL_START", "query"), ("TOOL_END", "query"), ("TASK_END", "step_1"),
        ("CUSTOM_START", "validation"), ("CUSTOM_END", "validation"),
        ("CUSTOM_START", "reward"), ("CUSTOM_END", "reward"),
        ("CUSTOM_START", "reward"), ("CUSTOM_END", "reward"),
        ("TASK_START", "step_2"), ("LLM_START", "gpt-5-mini"), ("LLM_END", "gpt-5-mini"),
        ("ADAPTER_EVENT", "progress"), ("TASK_END", "step_2"),
        ("CUSTOM_START", "reward"), ("CUSTOM_END", "reward"),
        ("WORKFLOW_END", "analyst"),
    ]  # fmt: skip


def test_what_an_event_holds(analyst: SessionRows) -> None:
    events = events_of(analyst)
    by_name: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in events:
        by_name.setdefault((event["payload"]["event_type"], event["payload"]["name"]), []).append(event)
    (workflow,) = by_name["WORKFLOW_START", "analyst"]
    assert workflow["parent_id"] == "root"
    assert workflow["function_ancestry"] == {
        "function_id": "root", "function_name": "root", "parent_id": None, "parent_name": None,
    }  # fmt: skip
    assert workflow["payload"]["data"]["input"]["task"] == "How many projects?"
    first, second = by_name["TASK_START", "step_1"]
    assert first["parent_id"] == workflow["payload"]["UUID"]
    assert second["payload"]["data"]["input"] == {
        "step": analyst.plan["steps"][0],  # type: ignore[index, call-overload]
        "context": {"table": "projects"},
        "guidance": ["The table is called projects."],
        "attempt": 2,
    }
    failed, passed = by_name["TASK_END", "step_1"]
    assert failed["payload"]["data"]["output"]["error"] == {
        "type": "LookupError", "message": "no such table: projcts",
    }  # fmt: skip
    assert failed["payload"]["metadata"]["status"] == "failed"
    assert failed["payload"]["span_event_timestamp"] == first["payload"]["event_timestamp"]
    assert passed["payload"]["data"]["output"]["evaluation"] == step_of(analyst, 1).evaluation
    tool, _ = by_name["TOOL_START", "query"]
    assert tool["parent_id"] == first["payload"]["UUID"]
    assert tool["function_ancestry"] == {
        "function_id": first["payload"]["UUID"], "function_name": "step_1",
        "parent_id": workflow["payload"]["UUID"], "parent_name": "analyst",
    }  # fmt: skip
    assert tool["payload"]["data"] == {"input": {"sql": "select count(*) from projcts"}}
    error = by_name["TOOL_END", "query"][0]["payload"]["metadata"]["error"]
    assert (error["type"], error["message"]) == ("LookupError", "no such table: projcts")
    assert "Traceback" in error["stacktrace"]
    (llm,) = by_name["LLM_END", "gpt-5-mini"]
    assert llm["payload"]["usage_info"] == {
        "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25, "num_llm_calls": 1, "seconds_between_calls": 0,
    }  # fmt: skip
    assert llm["payload"]["metadata"]["finish_reasons"] == ["stop"]
    (guidance,) = by_name["CUSTOM_END", "guidance"]
    assert guidance["payload"]["data"]["output"] == "The table is called projects."
    assert guidance["payload"]["metadata"]["actor"] == "teacher"
    (adapter,) = by_name["ADAPTER_EVENT", "progress"]
    assert adapter["payload"]["data"]["output"] == {"done": 0.5}
    assert adapter["payload"]["metadata"]["source"] == "adapter"


def test_a_failed_session() -> None:
    @atlas.session
    def answer(question: str) -> None:
        raise RuntimeError("out of luck")

    with recording() as recorded, pytest.raises(RuntimeError):
        answer("why?")
    session = recorded.rows().session
    assert (session.status, session.final_answer, session.task) == ("failed", None, "why?")
    assert session.metadata["failure"] == {"type": "RuntimeError", "message": "out of luck"}


def test_two_sessions_at_once_are_two() -> None:
    with recording() as recorded:
        with atlas.session("one"), atlas.session("two", new=True), atlas.step("inner"):
            pass
        outer, inner = (project(recorded.records(key)) for key in recorded.sessions())
    assert outer is not None
    assert inner is not None
    assert [step["description"] for step in inner.plan["steps"]] == ["inner"]  # type: ignore[union-attr, index, call-overload]
    assert inner.session.metadata["parent_session_id"] == "session-1"
    assert [step.step_id for step in outer.steps] == [1], "the implied one"


def test_a_session_in_a_session_is_an_agent_of_it() -> None:
    with recording() as recorded:
        with atlas.session("outer", name="boss"), atlas.session("inner", name="helper"):
            pass
        rows = recorded.rows()
    assert rows.session.task == "outer"
    assert ("FUNCTION_START", "helper") in told(rows)


# --- partial, late, odd ----------------------------------------------------------------------------------------------


def test_a_running_session(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, None, {semconv.ATLAS_TASK: "t"})
    run.step(2, 1, 1, 1, 1, None, "look")
    rows = rows_of(run)
    assert (rows.session.status, rows.session.task, rows.session.completed_at) == ("running", "t", None)
    assert rows.session.metadata["completed_at"] is None
    assert [(row.step_id, row.attempts, row.metadata["status"]) for row in rows.steps] == [(1, 1, "running")]
    assert told(rows) == [("WORKFLOW_START", "invoke_agent a"), ("TASK_START", "step_1")]


def test_before_the_session_s_own_span_has_come(new_run: NewRun) -> None:
    run = new_run()
    run.span(3, 2, "tool", "execute_tool x", 1, 2, {semconv.ATLAS_STEP_ID: 2, semconv.ATLAS_STEP_ATTEMPT: 1})
    rows = rows_of(run)
    assert (rows.session.status, rows.session.task, rows.session.final_answer) == ("running", "", None)
    assert [row.step_id for row in rows.steps] == [2], "the tool says which step it stands in"
    assert [event["parent_id"] for event in events_of(rows)] == ["root", "root"]


def test_an_abandoned_session(new_run: NewRun) -> None:
    run = new_run()
    unfinished = {semconv.ATLAS_TASK: "t", semconv.ATLAS_UNFINISHED: semconv.UNFINISHED_ABANDONED}
    run.span(1, None, "session", "invoke_agent a", 0, None, unfinished, rank=RANK_REAPED)
    run.span(2, 1, "tool", "execute_tool x", 1, 2)
    rows = rows_of(run)
    assert rows.session.status == "failed"
    failure = rows.session.metadata["failure"]
    assert isinstance(failure, dict)
    assert failure["type"] == "abandoned"
    assert rows.session.completed_at is not None
    assert (rows.session.completed_at - rows.session.created_at).total_seconds() == 2, "when it was last heard of"
    # The real end, where it comes after all, counts.
    run.span(1, None, "session", "invoke_agent a", 0, 9, {semconv.ATLAS_TASK: "t"})
    assert rows_of(run).session.status == "succeeded"


def test_content_off_shows_no_task(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent", 0, 1)
    assert rows_of(run).session.task == semconv.NOT_CAPTURED


def test_a_session_without_steps_is_one_step(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 5, {semconv.ATLAS_TASK: "t", semconv.ATLAS_OUTPUT: '"done"'})
    run.span(2, 1, "tool", "execute_tool x", 1, 2, {semconv.GEN_AI_TOOL_NAME: "x"})
    run.reward(1, 3, 0.5)
    rows = rows_of(run)
    (step,) = rows.steps
    assert rows.plan["steps"] == [{"id": 1, "description": "t", "tool": None, "tool_params": None, "depends_on": []}]
    assert (step.output, step.trace) == ("done", "tool x()")
    assert (step.evaluation or {})["reward"] == rows.session.reward
    assert not [name for kind, name in told(rows) if kind.startswith("TASK")], "nothing is made up in the trajectory"


def test_a_plan_of_which_nothing_ran_has_no_step(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 5, {semconv.ATLAS_TASK: "t"})
    run.event(1, 1, semconv.EVENT_PLAN, {"steps": ["a", "b"]})
    rows = rows_of(run)
    assert rows.steps == []
    assert len(rows.plan["steps"]) == 2  # type: ignore[arg-type]


def test_the_latest_plan_wins_and_lists_what_ran(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.event(1, 2, semconv.EVENT_PLAN, {"steps": [{"id": 5, "description": "five", "depends_on": ["3", 4]}]})
    run.event(1, 1, semconv.EVENT_PLAN, {"steps": ["old"], "execution_mode": "single_shot"})
    run.step(2, 1, 7, 1, 3, 4, "seven")
    steps = rows_of(run).plan["steps"]
    assert isinstance(steps, list)
    assert [(s["id"], s["description"], s["depends_on"]) for s in steps if isinstance(s, dict)] == [
        (5, "five", ["3", 4]),
        (7, "seven", []),
    ]


def test_steps_of_another_process_get_the_next_numbers(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.event(1, 0.5, semconv.EVENT_PLAN, {"steps": ["collect", "write", "check"]})
    run.step(2, 1, 1, 1, 1, 2, "collect")
    run.step(3, 1, None, None, 4, 5, "check")  # the plan's third
    run.step(4, 1, None, None, 3, 4, "collect")  # taken already: the next number
    run.step(5, 1, 1, 1, 6, 7, "collect")  # the same attempt from elsewhere: the next one
    run.span(6, 4, "tool", "execute_tool x", 3, 4)
    rows = rows_of(run)
    assert [(row.step_id, row.attempts) for row in rows.steps] == [(1, 2), (3, 1), (4, 1)]
    assert "tool" in step_of(rows, 4).trace


def test_a_spans_parent_may_come_last_and_cycles_end(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, 2, "function", "f", 1, 2)
    run.span(2, 1, "function", "g", 1, 2)
    run.span(3, 3, "function", "own parent", 1, 2)
    assert {event["parent_id"] for event in events_of(rows_of(run))} == {"root", f"{1:016x}"}


def test_tokens_of_one_call_count_once(new_run: NewRun) -> None:
    """A decorated call, and inside it the official instrumentation's span of the same call."""
    run = new_run()
    tokens = {semconv.GEN_AI_USAGE_INPUT_TOKENS: 7, semconv.GEN_AI_USAGE_OUTPUT_TOKENS: 3}
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.span(2, 1, "llm", "chat m", 1, 5, tokens)
    run.span(3, 2, None, "POST", 2, 4)
    official = {semconv.GEN_AI_OPERATION_NAME: "chat", semconv.GEN_AI_REQUEST_MODEL: "m", **tokens}
    run.span(4, 3, None, "chat m", 2, 4, official)
    run.span(5, 1, "llm", "chat m", 6, 7, tokens)
    usage = rows_of(run).session.metadata["token_usage"]
    assert usage == {"prompt_tokens": 14, "completion_tokens": 6, "total_tokens": 20, "calls": 2}


# --- rewards ---------------------------------------------------------------------------------------------------------


def _late(run: Any, seconds: float, score: float, *, target: dict[str, Any] | None = None, links: Any = ()) -> None:
    trace = f"{int(seconds):032x}"
    run.span(40, None, "reward", "reward reward", seconds, seconds, trace=trace, links=links)
    payload = {"name": "reward", "score": score, **({"target": target} if target is not None else {})}
    run.event(40, seconds, semconv.EVENT_REWARD, payload, trace=trace)


def test_late_rewards_find_their_target(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.step(2, 1, 1, 1, 1, 2, "collect")
    run.step(3, 1, 1, 2, 3, 4, "collect")
    run.span(4, 3, "tool", "execute_tool x", 3, 4)
    run.reward(3, 5, 0.1)
    _late(run, 3600, 0.5)
    _late(run, 3601, 0.6, target={"step": 1})
    _late(run, 3602, 0.7, target={"step": 1, "attempt": 1})
    _late(run, 3603, 0.8, target={"span_id": f"{4:016x}"})
    _late(run, 3604, 0.9, target={"step": 8})
    run.span(
        41, None, "reward", "reward style", 3605, 3605, links=(SpanLink(run.trace, f"{2:016x}", {}),), trace="8" * 32
    )
    run.event(41, 3605, semconv.EVENT_REWARD, {"name": "style", "score": 0.2}, trace="8" * 32)
    rows = rows_of(run)
    assert rows.session.reward is not None
    assert rows.session.reward["score"] == 0.5
    evaluations = {row.attempt: row.evaluation or {} for row in rows.attempts}
    first, second = evaluations[1]["reward"], evaluations[2]["reward"]
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["score"], second["score"]) == (0.7, 0.6), "the later one wins over 0.1"
    assert set(first["rewards"] or ()) == {"reward", "style"}  # type: ignore[arg-type]
    span_rewards = step_of(rows, 1).metadata["span_rewards"]
    assert isinstance(span_rewards, list)
    assert [(one["span_id"], one["score"]) for one in span_rewards if isinstance(one, dict)] == [(f"{4:016x}", 0.8)]
    audit = rows.session.reward_audit or []
    assert [(entry["score"], entry.get("step")) for entry in audit] == [(0.5, None), (0.9, 8)]


@pytest.mark.parametrize(
    ("given", "primary"),
    [
        ([("a", 0.1, False), ("reward", 0.2, False), ("b", 0.3, False)], 0.2),
        ([("reward", 0.2, False), ("b", 0.3, True)], 0.3),
        ([("a", 0.1, False), ("b", 0.3, False)], 0.3),
        ([("a", 0.1, True), ("b", 0.3, True)], 0.3),
        ([("a", 0.1, True), ("b", 0.3, False), ("a", 0.4, False)], 0.4),
        ([("a", 0.1, False), ("b", None, False)], 0.1),
    ],
)
def test_one_reward_is_the_primary_one(
    new_run: NewRun, given: list[tuple[str, float | None, bool]], primary: float
) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    for number, (name, score, flagged) in enumerate(given):
        payload = {"name": name, "score": score, "primary": flagged, "label": "fair"}
        run.event(1, 1 + number, semconv.EVENT_REWARD, payload)
    session = rows_of(run).session
    assert session.reward is not None
    assert session.reward["score"] == primary
    assert session.reward_stats is not None
    assert session.reward_stats["score"] == primary


@pytest.mark.parametrize("score", [float("nan"), float("inf"), None, "high", True])
def test_what_is_no_number_is_no_score(new_run: NewRun, score: Any) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.step(2, 1, 1, 1, 1, 2)
    run.event(1, 3, semconv.EVENT_REWARD, json.dumps({"name": "reward", "score": score}))
    run.event(2, 3, semconv.EVENT_REWARD, json.dumps({"name": "reward", "score": score}))
    rows = rows_of(run)
    assert rows.session.reward_stats is None
    assert "score" not in (rows.session.reward or {})
    assert rows.steps[0].metadata["reward_missing"] is True
    assert "null" not in json.dumps([(row.evaluation or {}).get("score", 0) for row in rows.attempts])


def test_an_evaluation_of_others_is_a_reward(new_run: NewRun) -> None:
    run = new_run()
    shown = {semconv.GEN_AI_EVALUATION_NAME: "relevance", semconv.GEN_AI_EVALUATION_SCORE: 0.4}
    run.span(
        1,
        None,
        "session",
        "a",
        0,
        9,
        events=(SpanEvent(semconv.EVENT_REWARD, run.span(9, 1, "custom", "c", 1, 2).end_ns or 0, shown),),
    )
    session = rows_of(run).session
    assert session.reward is not None
    assert (session.reward["name"], session.reward["score"]) == ("relevance", 0.4)


def test_a_placeholder_is_no_reward(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.step(2, 1, 1, 1, 1, 2)
    run.reward(2, 2, 0.0, raw={"skipped": "deferred"})
    (step,) = rows_of(run).steps
    assert step.metadata["reward_missing"] is True


# --- metadata --------------------------------------------------------------------------------------------------------


def test_the_caller_s_metadata_stands_beside_ours_and_never_over_it(new_run: NewRun) -> None:
    run = new_run()
    given = {semconv.ATLAS_METADATA: '{"tenant": "acme", "execution_mode": "auto", "status": "great"}'}
    run.span(1, None, "session", "invoke_agent a", 0, 9, given)
    run.event(1, 2, semconv.EVENT_METADATA, {"metadata": {"execution_mode": "coach", "student_learning": "read twice"}})
    governed = {"review_status": "approved", "drift": {"z": 1}}
    run.event(1, 3, semconv.EVENT_METADATA, {"metadata": governed, "source": semconv.SOURCE_RUNTIME})
    session = rows_of(run).session
    assert (session.metadata["tenant"], session.metadata["execution_mode"]) == ("acme", "coach")
    assert session.metadata["status"] == "succeeded"
    assert session.metadata["caller_metadata"] == {"status": "great"}
    assert (session.student_learning, session.review_status) == ("read twice", "approved")
    assert session.metadata["drift"] == {"z": 1}


def test_a_step_s_metadata(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.step(2, 1, 1, 1, 1, 2, attributes={semconv.ATLAS_METADATA: '{"a": 1, "b": 1}'})
    measured = {"b": 2, "runtime": {"timings_ms": {"validation_ms": 3.5}, "reward_skipped": True}}
    run.event(1, 3, semconv.EVENT_METADATA, {"metadata": measured, "target": {"step": 1}})
    (step,) = rows_of(run).steps
    assert (step.metadata["a"], step.metadata["b"]) == (1, 2)
    assert step.metadata["runtime"] == {
        "reward_skipped": True,
        "timings_ms": {"student_ms": 1000.0, "total_ms": 1000.0, "validation_ms": 3.5},
    }
    assert "b" not in rows_of(run).session.metadata


def test_reasoning_is_kept(new_run: NewRun) -> None:
    run = new_run()
    parts = [{"type": "reasoning", "content": "First, look."}, {"type": "text", "content": "Four."}]
    messages = {semconv.GEN_AI_OUTPUT_MESSAGES: json.dumps([{"role": "assistant", "parts": parts}])}
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.step(2, 1, 1, 1, 1, 4)
    run.span(3, 2, "llm", "chat m", 2, 3, messages)
    (step,) = rows_of(run).steps
    assert step.metadata["reasoning"] == [{"span_id": f"{3:016x}", "content": "First, look."}]
    assert "assistant thinks: First, look." in step.trace


def test_a_long_conversation_is_told_once(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.step(2, 1, 1, 1, 1, 8)
    said: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]
    for number in range(3):
        attributes = {
            semconv.GEN_AI_REQUEST_MODEL: "m",
            semconv.GEN_AI_INPUT_MESSAGES: json.dumps(said),
            semconv.GEN_AI_OUTPUT_MESSAGES: json.dumps([{"role": "assistant", "content": f"reply {number}"}]),
        }
        run.span(3 + number, 2, "llm", "chat m", 2 + number, 2.5 + number, attributes)
        said += [{"role": "assistant", "content": f"reply {number}"}, {"role": "user", "content": f"more {number}"}]
    assert rows_of(run).steps[0].trace == (
        "model m\n  user: hello\n  assistant: reply 0\n"
        "model m\n  (2 earlier messages)\n  user: more 0\n  assistant: reply 1\n"
        "model m\n  (4 earlier messages)\n  user: more 1\n  assistant: reply 2"
    )


# --- over OTLP -------------------------------------------------------------------------------------------------------


def test_events_that_came_packed_in_their_span_count_once(analyst: SessionRows) -> None:
    """What ``collect`` gets: no event records, but the spans bring them along. Together with the records: the same."""
    with recording() as recorded:
        with atlas.session("t", name="a"), atlas.step("s"):
            atlas.record_reward(0.5)
            atlas.add_guidance("look twice")
        records = recorded.records("session-1")
    packed: dict[tuple[str, str], list[Any]] = {}
    for event in records.events.values():
        held = packed.setdefault((event.trace_id, event.span_id), [])
        held.append([event.sequence, event.name, json.loads(event.payload)])
    spans = [
        span._replace(attributes={**span.attributes, semconv.ATLAS_EVENTS: json.dumps(packed.get(span.key, []))})
        for span in records.spans.values()
    ]
    rows = project(RecordSet(spans))
    assert rows is not None
    assert [note.note for note in rows.guidance] == ["look twice"]
    both: list[Any] = [*spans, *(record for record in records if isinstance(record, EventRecord))]
    assert project(RecordSet(both)) == rows


def test_a_teacher_s_tokens_are_not_the_agent_s(new_run: NewRun) -> None:
    """Nor are those of what an official instrumentation sees inside the teacher's call."""
    run = new_run()
    tokens = {semconv.GEN_AI_USAGE_INPUT_TOKENS: 7, semconv.GEN_AI_OPERATION_NAME: "chat"}
    run.span(1, None, "session", "invoke_agent a", 0, 9)
    run.span(2, 1, "llm", "chat m", 1, 2, tokens)
    run.span(3, 1, "llm", "chat judge", 3, 6, {**tokens, semconv.ATLAS_ACTOR: "reward"})
    run.span(4, 3, None, "chat judge", 4, 5, tokens)
    rows = rows_of(run)
    usage = {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7, "calls": 1}
    assert rows.session.metadata["token_usage"] == usage
    assert rows.session.metadata["governance_token_usage"] == usage
    actors = [event["payload"]["metadata"]["actor"] for event in events_of(rows)]
    assert sorted(set(actors)) == ["reward", "student"]
    assert actors.count("reward") == 4
