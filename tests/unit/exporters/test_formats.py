"""The training formats over sessions recorded in memory: what was said is what is written."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel.testing import recording
from atlas_otel_exporters.formats.messages import read_messages
from tests.support.stored_sessions import lines

Json = dict[str, Any]


@atlas.tool
def search(query: str) -> list[str]:
    if not query:
        raise ValueError("an empty query")
    return [query]


@atlas.llm(model="m")
def complete(messages: list[Json], reply: Json) -> Json:
    return reply


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
    assert [len(line["messages"]) for line in atlas_lines] == [2, 5]
    whole = atlas_lines[1]
    assert [message["role"] for message in whole["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert whole["messages"][2]["tool_calls"] == [CALL]
    assert whole["messages"][3]["tool_call_id"] == "c1"
    assert whole["messages"][-1] == said
    spans = [span for span in records.spans if span.kind == "llm" and span.status != 2]
    assert whole["span_ids"] == [spans[0].span_id, spans[2].span_id]
    assert (whole["session_id"], whole["session_key"]) == (5, "k")


def test_without_model_messages_the_task_the_tools_and_the_answer_are_the_conversation() -> None:
    with recording() as records, atlas.session("Find x") as session:
        search("x")
        with contextlib.suppress(ValueError):
            search("")
        session.final_answer = "x it is"
    (line,) = lines("chat", records.rows())
    asked, first, found, second, failed, answer = line["messages"]
    assert (asked, answer) == (
        {"role": "user", "content": "Find x"},
        {"role": "assistant", "content": "x it is"},
    )
    assert json.loads(first["tool_calls"][0]["function"]["arguments"]) == {"query": "x"}
    assert (found["content"], found["name"]) == ('["x"]', "search")
    assert found["tool_call_id"] == first["tool_calls"][0]["id"] != second["tool_calls"][0]["id"]
    assert failed["content"] == "error: ValueError: an empty query"
    assert len(line["span_ids"]) == 3  # the session's, and each call's


GENAI = [
    {"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "hm"},
            {"type": "tool_call", "id": "1", "name": "f", "arguments": {"x": 1}},
            {"type": "blob", "mime_type": "image/png", "content": "…"},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"y": 2}}]},
]


def test_the_conventions_form_is_read() -> None:
    read = read_messages(GENAI, role="user")
    assert read.omitted == 1
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert read.items == [
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "content": '{"y":2}', "tool_call_id": "1"},
    ]


def test_other_forms_are_read() -> None:
    langchain = {"messages": [{"type": "human", "content": "q"}, {"type": "ai", "content": [{"text": "a"}]}]}
    assert read_messages(langchain, role="user").items == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
    choice = [{"index": 0, "message": {"role": "assistant", "content": "a"}}]
    assert read_messages(choice, role="assistant").items == [{"role": "assistant", "content": "a"}]
    assert read_messages("just text", role="assistant").items == [{"role": "assistant", "content": "just text"}]
    assert read_messages({"query": "no messages"}, role="user").items == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "type", "content", "parts", "tool_calls", "function", "id", "name", "messages"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(anything)
def test_whatever_was_recorded_messages_have_a_role_and_a_text(value: Any) -> None:
    for message in read_messages(value, role="user").items:
        assert isinstance(message["role"], str)
        assert isinstance(message["content"], str)
        for call in message.get("tool_calls", []):  # type: ignore[union-attr]
            assert isinstance(call["function"]["arguments"], str)  # type: ignore[call-overload,index]
