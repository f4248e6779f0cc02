"""Traces of other instrumentations, which know nothing of us: their outermost span is the session (issue: OTLP in)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from atlas_otel import semconv
from atlas_otel.models.rows import SessionRows
from atlas_otel.projection.project import project
from atlas_otel.projection.trace_sessions import is_telling
from atlas_otel.records.record import RecordSet, SpanEvent

NewRun = Callable[[], Any]


def rows_of(run: Any) -> SessionRows:
    rows = project(RecordSet(run.records))
    assert rows is not None
    return rows


def _chat(question: str, answer: str, **more: Any) -> dict[str, Any]:
    return {
        semconv.GEN_AI_OPERATION_NAME: "chat",
        semconv.GEN_AI_REQUEST_MODEL: "m",
        semconv.GEN_AI_INPUT_MESSAGES: json.dumps([{"role": "user", "parts": [{"type": "text", "content": question}]}]),
        semconv.GEN_AI_OUTPUT_MESSAGES: json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
        ),
        semconv.GEN_AI_USAGE_INPUT_TOKENS: 2,
        **more,
    }


def _agent(name: str) -> dict[str, Any]:
    return {semconv.GEN_AI_OPERATION_NAME: "invoke_agent", semconv.GEN_AI_AGENT_NAME: name}


def _spans(run: Any) -> None:
    """An HTTP server's span around an agent that calls a model, a tool and a helper."""
    foreign: dict[str, Any] = {"stamped": False}
    run.span(1, None, None, "POST /ask", 0, 10, **foreign)
    run.span(2, 1, None, "invoke_agent boss", 1, 9, _agent("boss"), **foreign)
    run.span(3, 2, None, "chat m", 2, 3, _chat("What is up?", "Let me see."), **foreign)
    tool = {
        semconv.GEN_AI_OPERATION_NAME: "execute_tool",
        semconv.GEN_AI_TOOL_NAME: "look",
        semconv.GEN_AI_TOOL_CALL_ARGUMENTS: '{"where":"up"}',
        semconv.GEN_AI_TOOL_CALL_RESULT: '"the sky"',
    }
    run.span(4, 2, None, "execute_tool look", 3, 4, tool, **foreign)
    run.span(5, 2, None, "invoke_agent helper", 5, 7, _agent("helper"), **foreign)
    run.span(6, 5, None, "chat m", 5.5, 6, _chat("Say it nicely.", "The sky, dear."), **foreign)
    run.span(7, 2, None, "chat m", 8, 8.5, _chat("And now?", "The sky is up."), **foreign)


def test_the_outermost_span_is_the_session(new_run: NewRun) -> None:
    run = new_run()
    _spans(run)
    rows = rows_of(run)
    assert rows.session.status == "succeeded"
    assert (rows.session.task, rows.session.final_answer) == ("What is up?", "The sky is up.")
    usage = rows.session.metadata["token_usage"]
    assert usage == {"prompt_tokens": 6, "completion_tokens": 0, "total_tokens": 6, "calls": 3}


def test_agents_below_it_are_its_steps(new_run: NewRun) -> None:
    run = new_run()
    _spans(run)
    rows = rows_of(run)
    steps = rows.plan["steps"]
    assert isinstance(steps, list)
    assert [(s["id"], s["description"]) for s in steps if isinstance(s, dict)] == [(1, "boss"), (2, "helper")]
    boss, helper = rows.steps
    assert boss.trace == (
        "model m\n  user: What is up?\n  assistant: Let me see.\n"
        'tool look({"where":"up"})\n  look returned: the sky\n'
        "model m\n  user: And now?\n  assistant: The sky is up."
    )
    assert helper.trace == "model m\n  user: Say it nicely.\n  assistant: The sky, dear."
    assert rows.session.metadata["agent_name"] == "POST /ask"


def test_a_trace_without_agents_is_one_step(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, None, "job", 0, 10, stamped=False)
    run.span(2, 1, None, "chat m", 1, 2, _chat("Hello?", "Hello."), stamped=False)
    rows = rows_of(run)
    (step,) = rows.steps
    assert rows.plan["steps"][0]["description"] == "Hello?"  # type: ignore[index, call-overload]
    assert step.trace == "model m\n  user: Hello?\n  assistant: Hello."


def test_the_root_s_own_input_and_output_come_first(new_run: NewRun) -> None:
    run = new_run()
    own = {semconv.ATLAS_INPUT: '{"messages": [["user", "Mine"]]}', semconv.ATLAS_OUTPUT: '{"answer": "Yours"}'}
    run.span(1, None, None, "LangGraph", 0, 10, own, stamped=False)
    run.span(2, 1, None, "chat m", 1, 2, _chat("Hello?", "Hello."), stamped=False)
    session = rows_of(run).session
    assert (session.task, session.final_answer) == ("Mine", "Yours")


def test_a_span_without_agents_or_models_is_no_session(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, None, "SELECT 1", 0, 1, stamped=False)
    rows = rows_of(run)
    assert (rows.session.status, rows.session.task, rows.steps) == ("running", "", [])


def test_a_late_reward_does_not_hide_the_session(new_run: NewRun) -> None:
    run = new_run()
    _spans(run)
    run.span(40, None, "reward", "reward", 3600, 3600, trace="8" * 32)
    run.event(40, 3600, semconv.EVENT_REWARD, {"name": "reward", "score": 0.5}, trace="8" * 32)
    session = rows_of(run).session
    assert (session.status, (session.reward or {})["score"]) == ("succeeded", 0.5)


def test_inside_a_session_of_ours_nothing_foreign_is_taken_for_one(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, "session", "invoke_agent a", 0, None, {semconv.ATLAS_TASK: "t"})
    run.span(2, 1, None, "invoke_agent boss", 1, 9, _agent("boss"))
    run.span(3, 2, None, "chat m", 2, 3, _chat("What is up?", "Let me see."))
    rows = rows_of(run)
    assert (rows.session.task, rows.session.status, rows.steps) == ("t", "running", [])
    # Neither before the session's own span has come: its children say whose they are.
    run.records = run.records[1:]
    assert rows_of(run).session.status == "running"


def _payloads(rows: SessionRows) -> list[tuple[str, str]]:
    payloads = [json.loads(event.event)["payload"] for event in rows.events]
    return [(payload["event_type"], payload["name"]) for payload in payloads]


def test_a_lone_model_call_is_a_session_and_stays_a_call(new_run: NewRun) -> None:
    run = new_run()
    judged = SpanEvent(semconv.EVENT_REWARD, 1_700_000_001_000_000_000, {semconv.GEN_AI_EVALUATION_SCORE: 0.5})
    run.span(1, None, None, "chat m", 0, 1, _chat("Hello?", "Hello."), stamped=False, events=(judged,))
    rows = rows_of(run)
    assert (rows.session.task, rows.session.final_answer, rows.session.status) == ("Hello?", "Hello.", "succeeded")
    assert [e for e in _payloads(rows) if not e[0].startswith("CUSTOM")] == [("LLM_START", "m"), ("LLM_END", "m")]
    assert rows.session.metadata["token_usage"] == {
        "prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2, "calls": 1,
    }  # fmt: skip
    assert (rows.session.reward or {})["score"] == 0.5
    assert [step.trace for step in rows.steps] == ["model m\n  user: Hello?\n  assistant: Hello."]


def test_what_the_outermost_agent_calls_itself_is_a_step_beside_its_helpers(new_run: NewRun) -> None:
    run = new_run()
    run.span(2, None, None, "invoke_agent boss", 1, 9, _agent("boss"), stamped=False)
    run.span(3, 2, None, "chat m", 2, 3, _chat("What is up?", "Let me see."), stamped=False)
    run.span(5, 2, None, "invoke_agent helper", 5, 7, _agent("helper"), stamped=False)
    run.span(6, 5, None, "chat m", 5.5, 6, _chat("Say it nicely.", "The sky, dear."), stamped=False)
    rows = rows_of(run)
    steps = rows.plan["steps"]
    assert isinstance(steps, list)
    assert [(s["id"], s["description"]) for s in steps if isinstance(s, dict)] == [(1, "What is up?"), (2, "helper")]
    assert "Let me see." in rows.steps[0].trace
    assert "Let me see." not in rows.steps[1].trace


def _node(name: str) -> dict[str, Any]:
    return {"openinference.span.kind": "CHAIN", "metadata": json.dumps({"langgraph_node": name})}


def test_nodes_of_a_graph_within_a_node_are_no_steps(new_run: NewRun) -> None:
    run = new_run()
    run.span(1, None, None, "LangGraph", 0, 9, {"openinference.span.kind": "CHAIN"}, stamped=False)
    run.span(2, 1, None, "research", 1, 4, _node("research"), stamped=False)
    run.span(3, 2, None, "agent", 1, 2, _node("agent") | {"openinference.span.kind": "AGENT"}, stamped=False)
    run.span(4, 3, None, "chat m", 1, 2, _chat("Hello?", "Hello."), stamped=False)
    run.span(5, 3, None, "route", 2, 2, _node("agent"), stamped=False)
    run.span(6, 1, None, "write", 5, 6, _node("write"), stamped=False)
    steps = rows_of(run).plan["steps"]
    assert isinstance(steps, list)
    assert [step["description"] for step in steps if isinstance(step, dict)] == ["research", "write"]


def test_one_call_of_a_tool_seen_by_several_is_one(new_run: NewRun) -> None:
    run = new_run()
    tool = {semconv.GEN_AI_OPERATION_NAME: "execute_tool", semconv.GEN_AI_TOOL_NAME: "look"}
    run.span(1, None, None, "invoke_agent boss", 0, 9, _agent("boss"), stamped=False)
    run.span(2, 1, None, "execute_tool look", 1, 5, tool, stamped=False)
    client = run.span(3, 2, None, "tools/call look", 2, 4, tool, stamped=False)
    run.records[-1] = client._replace(scope="a client")
    again = run.span(4, 2, None, "execute_tool look", 4, 5, tool, stamped=False)
    assert again.scope == run.records[1].scope, "a tool that calls itself"
    counts = [kind for kind, name in _payloads(rows_of(run)) if name == "look"]
    assert sorted(counts) == ["FUNCTION_END", "FUNCTION_START", "TOOL_END", "TOOL_END", "TOOL_START", "TOOL_START"]


def test_a_model_call_that_two_instrumentations_see_counts_once(new_run: NewRun) -> None:
    run = new_run()
    outer = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m",
        "llm.token_count.prompt": 2,
        "llm.token_count.total": 2,
    }
    run.span(1, None, None, "invoke_agent boss", 0, 9, _agent("boss"), stamped=False)
    run.span(2, 1, None, "ChatOpenAI", 1, 4, outer, stamped=False)
    run.span(3, 2, None, "chat m", 2, 3, _chat("Hello?", "Hello."), stamped=False)
    usage = rows_of(run).session.metadata["token_usage"]
    assert usage == {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2, "calls": 1}


def test_of_which_kind_tokens_were_stands_beside_how_many(new_run: NewRun) -> None:
    run = new_run()
    more = {
        semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 1,
        semconv.GEN_AI_USAGE_CACHE_CREATION_OLD: 0,
        semconv.GEN_AI_USAGE_REASONING_TOKENS: 4,
    }
    run.span(1, None, None, "chat m", 0, 1, _chat("Hi", "Ho", **more), stamped=False)
    payloads = [json.loads(event.event)["payload"] for event in rows_of(run).events]
    (end,) = [payload for payload in payloads if payload["event_type"] == "LLM_END"]
    assert end["metadata"]["token_details"] == {"cache_read": 1, "cache_write": 0, "reasoning": 4}


def test_making_an_agent_is_no_session_and_no_step(new_run: NewRun) -> None:
    """OpenLLMetry writes it of LangGraph, in a trace of its own as the graph is built, or within the run."""
    made = {semconv.GEN_AI_OPERATION_NAME: "create_agent", semconv.GEN_AI_AGENT_NAME: "helper"}
    alone = new_run()
    assert not is_telling(alone.span(1, None, None, "create_agent helper", 0, 1, made, stamped=False))
    run = new_run()
    run.span(1, None, None, "invoke_agent main", 0, 9, _agent("main"), stamped=False)
    run.span(2, 1, None, "create_agent helper", 1, 2, made, stamped=False)
    run.span(3, 1, None, "chat m", 3, 4, _chat("Hi", "Ho"), stamped=False)
    rows = rows_of(run)
    assert [step.step_id for step in rows.steps] == [1]
    assert rows.plan["steps"][0]["description"] == "Hi"  # type: ignore[index, call-overload]


def test_an_agent_that_is_written_twice_is_one_step_and_one_that_calls_itself_two(new_run: NewRun) -> None:
    twice = {semconv.TRACELOOP_KIND: "workflow", semconv.TRACELOOP_ENTITY_NAME: "helper"}
    for inner, steps in ((twice, ["helper"]), (_agent("helper"), ["helper", "helper"])):
        run = new_run()
        run.span(1, None, None, "invoke_agent main", 0, 9, _agent("main"), stamped=False)
        run.span(2, 1, None, "invoke_agent helper", 1, 8, _agent("helper"), stamped=False)
        run.span(3, 2, None, "helper.workflow", 2, 7, inner, stamped=False)
        run.span(4, 3, None, "chat m", 3, 4, _chat("Hi", "Ho"), stamped=False)
        rows = rows_of(run)
        planned = rows.plan["steps"]
        assert isinstance(planned, list)
        assert [step["description"] for step in planned if isinstance(step, dict)] == steps
        assert "Ho" in rows.steps[-1].trace
