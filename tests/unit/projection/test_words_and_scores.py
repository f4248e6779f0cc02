"""A session of another instrumentation: whose words are its task and answer, where scores stand, which conversation."""

from __future__ import annotations

import json
from typing import Any

import orjson

from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.models.rows import SessionRows
from atlas_otel.otlp.json import decode_tree
from atlas_otel.otlp.logs import decode_logs_tree
from atlas_otel.projection.project import project
from atlas_otel.records.record import RecordSet

T = 1_790_000_000_000_000_000
CAPTURE = Capture(Limits())


def said(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def span(
    number: int, parent: int | None, start: int, end: int, events: list[dict[str, Any]] | None = None, **attributes: Any
) -> dict[str, Any]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return {
        "traceId": "1" * 32,
        "spanId": f"{number:016x}",
        **({"parentSpanId": f"{parent:016x}"} if parent is not None else {}),
        "name": f"span {number}",
        "startTimeUnixNano": str(T + start),
        "endTimeUnixNano": str(T + end),
        "events": events or [],
        "attributes": [
            {"key": key.replace("__", "."), "value": {kinds[type(held)]: held}} for key, held in attributes.items()
        ],
    }


def chat(number: int, parent: int | None, start: int, end: int, asked: str, answer: str, **more: Any) -> dict[str, Any]:
    words = {"gen_ai__input__messages": said("user", asked), "gen_ai__output__messages": said("assistant", answer)}
    return span(
        number, parent, start, end, gen_ai__operation__name="chat", gen_ai__request__model="m", **{**words, **more}
    )


def agent(number: int, parent: int | None, start: int, end: int, **more: Any) -> dict[str, Any]:
    return span(
        number, parent, start, end, gen_ai__operation__name="invoke_agent", **{"gen_ai__agent__name": "A", **more}
    )


def rows(*spans: dict[str, Any], logs: list[dict[str, Any]] | None = None) -> SessionRows:
    tree = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}]}]}
    records = [*decode_tree(tree, CAPTURE).records]
    if logs:
        held = {"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}
        records += decode_logs_tree(held, CAPTURE).records
    found = project(RecordSet(records))
    assert found is not None
    for order in (reversed(records), records[1:] + records[:1]):
        again = project(RecordSet(order))
        assert again is not None
        assert orjson.dumps(again.session.metadata) == orjson.dumps(found.session.metadata)
        assert (again.session.task, again.session.final_answer) == (found.session.task, found.session.final_answer)
    return found


def score(name: str, value: float) -> dict[str, Any]:
    pairs = {"gen_ai.evaluation.name": {"stringValue": name}, "gen_ai.evaluation.score.value": {"doubleValue": value}}
    attributes = [{"key": key, "value": held} for key, held in pairs.items()]
    return {"name": "gen_ai.evaluation.result", "timeUnixNano": str(T + 5), "attributes": attributes}


def test_the_agent_s_words_come_before_a_guard_s_and_a_title_call_s() -> None:
    found = rows(
        span(1, None, 0, 100, http__route="/chat"),
        chat(2, 1, 1, 5, "Is this safe?", "safe"),
        agent(3, 1, 10, 50, gen_ai__conversation__id="c-1"),
        chat(4, 3, 11, 40, "Weather?", "4 degrees."),
        chat(5, 1, 60, 70, "Give it a title", "Weather"),
    ).session
    assert (found.task, found.final_answer) == ("Weather?", "4 degrees.")
    assert found.metadata["conversation_id"] == "c-1", "of any span, not the root's only"


def test_the_task_is_this_turn_s() -> None:
    turns = [("user", "q0"), ("assistant", "a0"), ("user", "q1")]
    history = json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in turns])
    assert rows(chat(1, None, 0, 9, "", "a1", gen_ai__input__messages=history)).session.task == "q1"
    assert rows(agent(1, None, 0, 9, gen_ai__input__messages=history)).session.task == "q1"


def test_an_answer_is_no_repr_where_a_reply_is_known() -> None:
    shown = {"input__value": '"Weather?"', "output__value": "<workflow.Result object at 0x7f>"}
    chain = span(1, None, 0, 9, openinference__span__kind="CHAIN", **shown)
    assert rows(chain, chat(2, 1, 1, 5, "x", "4 degrees.")).session.final_answer == "4 degrees."
    assert rows(chain, agent(2, 1, 1, 5)).session.final_answer == shown["output__value"]


def test_a_step_s_output_is_the_last_reply_in_it() -> None:
    found = rows(
        agent(1, None, 0, 100, gen_ai__agent__name="boss"),
        agent(2, 1, 1, 50, gen_ai__agent__name="first"),
        chat(3, 2, 2, 10, "a", "looking"),
        chat(4, 2, 11, 20, "b", "found"),
        agent(5, 1, 60, 90, gen_ai__agent__name="second", gen_ai__output__messages=said("assistant", "stated")),
        chat(6, 5, 61, 70, "c", "not this"),
    )
    assert [step.output for step in found.steps] == ["found", "stated"]
    alone = rows(agent(1, None, 0, 9), chat(2, 1, 1, 5, "a", "alone"))
    assert [step.output for step in alone.steps] == ["alone"], "a session without steps is one"


def test_a_score_stands_where_it_was_given() -> None:
    tool = span(3, 1, 6, 8, [score("tool_ok", 1.0)], gen_ai__operation__name="execute_tool", gen_ai__tool__name="w")
    call = chat(2, 1, 1, 5, "hi", "ok")
    call["events"] = [score("toxicity", 0.0)]
    found = rows(agent(1, None, 0, 9), call, tool)
    assert found.session.reward is None
    assert "reward" not in (found.steps[0].evaluation or {})
    held = found.steps[0].metadata["span_rewards"]
    assert isinstance(held, list)
    assert [(one["name"], one["score"], one["span_id"]) for one in held if isinstance(one, dict)] == [
        ("toxicity", 0.0, f"{2:016x}"),
        ("tool_ok", 1.0, f"{3:016x}"),
    ]
    root = agent(1, None, 0, 9)
    root["events"] = [score("good", 0.5)]
    reward = rows(root, chat(2, 1, 1, 5, "hi", "ok")).session.reward
    assert reward is not None
    assert reward["score"] == 0.5, "the agent's own is the session's"


def test_an_evaluation_that_comes_as_a_log_stands_on_the_span_that_it_names() -> None:
    log = {
        **score("toxicity", 0.0),
        "eventName": "gen_ai.evaluation.result",
        "traceId": "1" * 32,
        "spanId": f"{2:016x}",
    }
    found = rows(agent(1, None, 0, 9), chat(2, 1, 1, 5, "hi", "ok"), logs=[log])
    assert found.session.reward is None
    (held,) = found.steps[0].metadata["span_rewards"]  # type: ignore[misc]
    assert held["span_id"] == f"{2:016x}"  # type: ignore[index, call-overload]


def test_tokens_are_the_innermost_s_that_says_what_it_used() -> None:
    used = {"gen_ai__usage__input_tokens": 100, "gen_ai__usage__output_tokens": 20}
    cached = {"gen_ai__usage__cache_read__input_tokens": 80}
    inner = span(3, 2, 2, 4, gen_ai__operation__name="chat", gen_ai__request__model="m")
    found = rows(agent(1, None, 0, 9), chat(2, 1, 1, 5, "hi", "ok", **used, **cached), inner)
    assert found.session.metadata["token_usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "calls": 1,
        "cached_tokens": 80,
    }


def test_what_an_agent_offers_was_offered_to_its_model() -> None:
    tools = json.dumps([{"name": "w", "description": "d", "inputSchema": {"json": {"type": "object"}}}])
    found = rows(agent(1, None, 0, 9, gen_ai__tool__definitions=tools), chat(2, 1, 1, 5, "hi", "ok"))
    (schema,) = [
        orjson.loads(event.event)["payload"]["metadata"]["tools_schema"]
        for event in found.events
        if '"LLM_START"' in event.event
    ]
    assert schema == [{"type": "function", "name": "w", "description": "d", "parameters": {"type": "object"}}]


def test_two_methods_of_one_agent_given_the_same_are_one_turn() -> None:
    kind = {"openinference__span__kind": "AGENT", "input__value": '"go"'}
    found = rows(
        span(1, None, 0, 100, openinference__span__kind="CHAIN"),
        span(2, 1, 1, 50, graph__node__id="planner", **kind),
        span(3, 2, 2, 49, graph__node__id="planner", **kind),
        chat(4, 3, 3, 10, "go", "gone"),
    )
    assert len(found.steps) == 1


def test_what_aws_takes_out_of_spans_comes_back_from_its_logs() -> None:
    body = {
        "input": {"messages": [{"role": "user", "content": {"content": '[{"text": "Weather?"}]'}}]},
        "output": {"messages": [{"role": "assistant", "content": {"message": '[{"text": "4 degrees."}]'}}]},
    }
    ids = {"traceId": "1" * 32, "spanId": f"{2:016x}", "timeUnixNano": str(T + 4)}
    log = {**ids, "eventName": "strands.telemetry.tracer", "body": {"stringValue": json.dumps(body)}}
    call = span(2, 1, 1, 5, gen_ai__operation__name="chat", gen_ai__request__model="m")
    found = rows(agent(1, None, 0, 9), call, logs=[log]).session
    assert (found.task, found.final_answer) == ("Weather?", "4 degrees.")
