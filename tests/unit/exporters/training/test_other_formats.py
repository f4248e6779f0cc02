"""``tokens``, ``openai``, ``verl``, ``atif`` and ``hf-traces``: what each reader of them asks for."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.models.rows import SessionRows
from atlas_otel.otlp.documents import decode_document
from atlas_otel.projection.project import project
from atlas_otel.records.record import RecordSet
from atlas_otel.testing import recording
from atlas_otel_exporters.formats import FormatName, format_named
from atlas_otel_exporters.training.options import RowOptions
from tests.support.stored_sessions import lines, stored

Json = dict[str, Any]
SYSTEM = {"role": "system", "content": "Use tools."}
ASKED = [SYSTEM, {"role": "user", "content": "2 + 2 and 3 + 3?"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}


def call(number: int) -> Json:
    return {
        "id": f"c{number}",
        "type": "function",
        "function": {"name": "add", "arguments": f'{{"b": {number}, "a": 1}}'},
    }


CALLING = {"role": "assistant", "content": None, "tool_calls": [call(1), call(2)], "reasoning_content": "Both at once."}
RESULTS = [{"role": "tool", "tool_call_id": f"c{number}", "content": str(number)} for number in (1, 2)]
SAID = {"role": "assistant", "content": "4 and 6."}


@atlas.llm(model="m")
def complete(messages: list[Json], reply: Json, tools: Any = None, **more: Any) -> Json:
    choice = {"message": reply, "finish_reason": "tool_calls" if reply.get("tool_calls") else "stop"}
    return {"model": "m-1", "choices": [{**choice, **more.pop("choice", {})}], **more}


def looped(*, results: list[Json] = RESULTS, ids: bool = False, truth: Any = None) -> SessionRows:
    given = {"ground_truth": truth} if truth is not None else {}
    first = {"prompt_token_ids": [1, 2], "choice": tokens([3, 4])} if ids else {}
    second = {"prompt_token_ids": [1, 2, 3, 4, 9, 9], "choice": tokens([5])} if ids else {}
    with recording() as records, atlas.session("Add", name="adder", metadata=given):
        complete(ASKED, CALLING, tools=[TOOL], **first)
        complete([*ASKED, CALLING, *results], SAID, tools=[TOOL], **second)
        atlas.record_reward(1.0)
    return records.rows()


def tokens(ids: list[int]) -> Json:
    return {"token_ids": ids, "logprobs": {"content": [{"token": "t", "logprob": -one / 8} for one in ids]}}


def test_ids_are_the_servers_and_what_the_environment_said_is_masked() -> None:
    (row,) = lines("tokens", looped(ids=True))
    assert (row["prompt_ids"], row["response_ids"]) == ([1, 2], [3, 4, 9, 9, 5])
    assert row["loss_mask"] == [1, 1, 0, 0, 1]
    assert row["logprobs"] == [-3 / 8, -4 / 8, 0.0, 0.0, -5 / 8]
    assert (len(row["span_ids"]), row["reward"], row["model"]) == (2, 1.0, "m-1")


def test_without_ids_there_is_no_row_and_it_is_counted() -> None:
    format = format_named("tokens")
    assert list(format(stored(looped()))) == []
    assert dict(format.left_out) == {"without token ids": 2}


def test_ids_that_do_not_go_on_from_each_other_are_two_trajectories() -> None:
    with recording() as records, atlas.session("Add"):
        for asked, said in (([1, 2], [3]), ([1, 2, 4], [5])):
            complete(ASKED, SAID, prompt_token_ids=asked, choice={"token_ids": said})
    rows = lines("tokens", records.rows())
    assert [(row["prompt_ids"], row["response_ids"], row["logprobs"]) for row in rows] == [
        ([1, 2], [3], None),
        ([1, 2, 4], [5], None),
    ]


def test_openai_lines_weigh_what_was_generated_and_hold_nothing_else() -> None:
    (row,) = lines("openai", looped())
    assert row.keys() == {"messages", "tools", "parallel_tool_calls"}
    assert row["tools"] == [TOOL]
    calling = row["messages"][2]
    assert calling == {"role": "assistant", "content": None, "tool_calls": [call(1), call(2)], "weight": 1}
    assert row["messages"][-1] == {**SAID, "weight": 1}


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ([*RESULTS[:1], {"role": "user", "content": "Well?"}], "a tool call without an answer"),
        ([*RESULTS, {"role": "tool", "tool_call_id": "c9", "content": "9"}], "a tool's answer to no call"),
        ([*RESULTS, {"role": "user", "content": ""}], "an empty message"),
        ([*RESULTS, {"role": "critic", "content": "No."}], "the role critic"),
    ],
)
def test_what_openai_refuses_is_left_out_by_cause(results: list[Json], reason: str) -> None:
    format = format_named("openai")
    assert list(format(stored(looped(results=results)))) == []
    assert dict(format.left_out) == {f"not for OpenAI: {reason}": 2}


def test_history_is_weighed_nothing() -> None:
    history = [SYSTEM, {"role": "user", "content": "q"}, {"role": "assistant", "content": "compacted"}]
    with recording() as records, atlas.session("Add"):
        complete([*history, {"role": "user", "content": "r"}], SAID)
    (row,) = lines("openai", records.rows())
    assert [message.get("weight") for message in row["messages"]] == [None, None, 0, None, 1]


def test_openai_pairs_are_of_one_request() -> None:
    with recording() as records, atlas.session("Add"):
        for number, asked in enumerate((ASKED, [SYSTEM, {"role": "user", "content": "again"}], ASKED), 1):
            with contextlib.suppress(ValueError), atlas.step("Add", id=1):
                complete(asked, {"role": "assistant", "content": f"try {number}"})
                if number < 3:
                    raise ValueError("no")
    format = format_named("openai-preference")
    (row,) = map(json.loads, format(stored(records.rows())))
    assert row == {
        "input": {"messages": ASKED},
        "preferred_output": [{"role": "assistant", "content": "try 3"}],
        "non_preferred_output": [{"role": "assistant", "content": "try 1"}],
    }
    assert dict(format.left_out) == {"pair: prompts that differ": 1}


def test_verl_rows_are_requests_once_with_their_right_answers() -> None:
    format = format_named("verl")
    rows = [json.loads(line) for truth in ("4, 6", [4, 6], "4, 6") for line in format(stored(looped(truth=truth)))]
    assert [row["reward_model"] for row in rows] == [
        {"style": "rule", "ground_truth": "4, 6"},
        {"style": "rule", "ground_truth": "[4,6]"},
    ]
    assert rows[0]["prompt"] == ASKED
    assert (rows[0]["data_source"], rows[1]["extra_info"]["index"]) == ("adder", 1)
    assert format.left_out["a request that is there already"] == 2
    assert lines("verl", looped())[0]["reward_model"]["ground_truth"] is None


def test_a_trajectory_has_each_message_once_and_answers_of_tools_with_their_calls() -> None:
    (trajectory,) = lines("atif", looped(ids=True))
    assert (trajectory["schema_version"], trajectory["session_id"]) == ("ATIF-v1.7", "k")
    assert [step["source"] for step in trajectory["steps"]] == ["system", "user", "agent", "agent"]
    assert [step["step_id"] for step in trajectory["steps"]] == [1, 2, 3, 4]
    calling = trajectory["steps"][2]
    assert [one["arguments"] for one in calling["tool_calls"]] == [{"b": 1, "a": 1}, {"b": 2, "a": 1}]
    assert calling["observation"]["results"] == [
        {"source_call_id": "c1", "content": "1"},
        {"source_call_id": "c2", "content": "2"},
    ]
    assert (calling["message"], calling["reasoning_content"]) == ("", "Both at once.")
    assert calling["metrics"]["completion_token_ids"] == [3, 4]
    assert trajectory["agent"]["tool_definitions"] == [TOOL]
    assert trajectory["extra"]["reward"] == 1.0


def test_a_trajectory_that_is_imported_is_the_same_conversation() -> None:
    (trajectory,) = lines("atif", looped())
    decoded = decode_document(trajectory, Capture(Limits()))
    assert decoded.refused == 0
    rows = project(RecordSet(decoded.records))
    (before,), (after,) = lines("chat", looped()), lines("chat", rows)
    assert (after["messages"], after["tools"]) == (before["messages"], before["tools"])
    assert (after["session_reward"], after["agent"], after["model"]) == (1.0, "adder", "m-1")
    assert (rows.session.task, rows.session.final_answer) == (ASKED[1]["content"], SAID["content"])
    tools = [json.loads(event.event)["payload"] for event in rows.events]
    assert [one["data"]["output"] for one in tools if one["event_type"] == "TOOL_END"] == [1, 2]


def test_a_trace_for_the_hub_is_a_header_and_each_message_once() -> None:
    header, *messages = lines("hf-traces", looped())
    assert (header["type"], header["harness"], header["id"], header["name"]) == ("session", "atlas-otel", "k", "Add")
    assert [one["message"]["role"] for one in messages] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    calling = messages[2]["message"]
    assert calling["toolCalls"] == [{"id": one["id"], "function": one["function"]} for one in (call(1), call(2))]
    assert (calling["content"], calling["reasoningContent"]) == ("", "Both at once.")
    assert messages[3]["message"]["toolCallId"] == "c1"


@pytest.mark.parametrize("format", ["atif", "hf-traces", "openai", "tokens", "verl", "rl", "kto"])
def test_a_session_without_model_calls_makes_no_line(format: FormatName) -> None:
    with recording() as records, atlas.session("Nothing"):
        atlas.record_reward(1.0)
    assert lines(format, records.rows(), RowOptions()) == []
