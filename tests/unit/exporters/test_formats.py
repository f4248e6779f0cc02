"""The training formats over sessions recorded in memory: what was said is what is written."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import atlas_otel as atlas
from atlas_otel.testing import recording
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.training.options import RowOptions
from tests.support.stored_sessions import lines, stored

Json = dict[str, Any]


@atlas.tool
def search(query: str) -> list[str]:
    if not query:
        raise ValueError("an empty query")
    return [query]


@atlas.llm(model="m")
def complete(messages: list[Json], reply: Json) -> Json:
    return reply


def trained(line: Json) -> list[int]:
    """Where the messages stand that are trained on."""
    return [number for number, message in enumerate(line["messages"]) if message["train"]]


CALL = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"query": "x"}'}}


def test_calls_that_go_on_from_each_other_are_one_conversation() -> None:
    opening = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x?"}]
    calling = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c1", "content": "[1]"}
    said = {"role": "assistant", "content": "One."}
    other = [{"role": "user", "content": "Something else"}]
    with recording() as records:
        with atlas.session("t"):
            complete(opening, calling)
            complete(other, said)
            complete([*opening, calling, result], said)
            with contextlib.suppress(TypeError):
                complete()  # type: ignore[call-arg]
        atlas_lines = lines("chat", records.rows())
    assert [trained(line) for line in atlas_lines] == [[1], [2, 4]]
    whole = atlas_lines[1]
    assert [message["role"] for message in whole["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    function = {"name": "search", "arguments": {"query": "x"}}
    assert whole["messages"][2]["tool_calls"] == [{**CALL, "function": function}]
    assert whole["messages"][3]["tool_call_id"] == "c1"
    assert whole["messages"][-1] == {**said, "train": True}
    spans = [span for span in records.spans if span.kind == "llm" and span.status != 2]
    assert whole["span_ids"] == [spans[0].span_id, spans[2].span_id]
    assert (whole["session_id"], whole["session_key"]) == (5, "k")


def test_what_one_session_leaves_out_changes_no_other() -> None:
    """A format that met a call which makes no row still writes the line of a session of tools alone."""
    with recording() as failing, atlas.session("t"), contextlib.suppress(TypeError):
        complete()  # type: ignore[call-arg]
    with recording() as tools, atlas.session("Find x") as session:
        search("x")
        session.final_answer = "x it is"
    written = {}
    for order in ((failing, tools), (tools, failing)):
        format = format_named("chat", None)
        made = {id(one): list(format(stored(one.rows()))) for one in order}
        written[order] = (len(made[id(failing)]), len(made[id(tools)]))
    assert set(written.values()) == {(0, 1)}


def test_without_model_messages_the_task_the_tools_and_the_answer_are_the_conversation() -> None:
    with recording() as records, atlas.session("Find x") as session:
        search("x")
        with contextlib.suppress(ValueError):
            search("")
        session.final_answer = "x it is"
    (line,) = lines("chat", records.rows(), RowOptions(arguments="text"))
    assert trained(line) == []
    asked, first, found, second, failed, answer = line["messages"]
    assert (asked, answer) == (
        {"role": "user", "content": "Find x", "train": False},
        {"role": "assistant", "content": "x it is", "train": False},
    )
    assert json.loads(first["tool_calls"][0]["function"]["arguments"]) == {"query": "x"}
    assert (found["content"], found["name"]) == ('["x"]', "search")
    assert found["tool_call_id"] == first["tool_calls"][0]["id"] != second["tool_calls"][0]["id"]
    assert failed["content"] == "error: ValueError: an empty query"
    assert len(line["span_ids"]) == 3  # the session's, and each call's
