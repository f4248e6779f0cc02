"""``chat`` rows: whole conversations, and each generated answer trained on exactly once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel.testing import recording
from atlas_otel_exporters.training.options import RowOptions
from tests.support.stored_sessions import lines, lines_of_conversation

Json = dict[str, Any]


@atlas.llm(model="m")
def complete(messages: list[Json], replies: list[str]) -> Json:
    choices = [{"index": n, "message": {"role": "assistant", "content": one}} for n, one in enumerate(replies)]
    return {"choices": choices}


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def said(text: str) -> Json:
    return {"role": "assistant", "content": text}


# What a call is given: the conversation so far whole, its beginning cut off, or a summary of it.
histories = st.lists(st.sampled_from(["whole", "compacted", "new", "branched"]), min_size=1, max_size=8)


@given(histories, st.integers(1, 2))
def test_each_generated_answer_is_trained_on_exactly_once(histories: list[str], choices: int) -> None:
    generated = []
    with recording() as records, atlas.session("t"):
        messages: list[Json] = []
        for number, history in enumerate(histories):
            if history == "new":
                messages = []
            elif history == "compacted" and messages:
                messages = [user("In short: …"), said("a summary")]
            elif history == "branched":
                messages = messages[:-2]
            messages = [*messages, user(f"question {number}")]
            replies = [f"answer {number}.{n}" for n in range(choices)]
            complete(messages, replies)
            generated += replies
            messages = [*messages, said(replies[0])]
    rows = lines("chat", records.rows())
    trained = [m["content"] for row in rows for m in row["messages"] if m["train"]]
    assert sorted(trained) == sorted(generated)
    assert all(row["messages"][-1]["train"] for row in rows)
    calls = {span.span_id for span in records.spans if span.kind == "llm"}
    assert {span for row in rows for span in row["span_ids"]} == calls


@given(st.lists(st.sampled_from(["whole", "new", "branched"]), min_size=2, max_size=6))
def test_a_conversation_over_several_sessions_is_what_it_is_in_one(turns: list[str]) -> None:
    def speak(messages: list[Json], number: int, history: str) -> list[Json]:
        messages = {"whole": messages, "new": [], "branched": messages[:-2]}[history]
        messages = [*messages, user(f"question {number}")]
        complete(messages, [f"answer {number}"])
        return [*messages, said(f"answer {number}")]

    runs = []
    messages: list[Json] = []
    for number, history in enumerate(turns):
        with recording() as records, atlas.session(f"task {number}"):
            messages = speak(messages, number, history)
        runs.append(records.rows())
    with recording() as records, atlas.session("t"):
        messages = []
        for number, history in enumerate(turns):
            messages = speak(messages, number, history)
    rows, expected = lines_of_conversation("chat", runs), lines("chat", records.rows())
    assert [row["messages"] for row in rows] == [row["messages"] for row in expected]
    trained = [m["content"] for row in rows for m in row["messages"] if m["train"]]
    assert sorted(trained) == sorted(f"answer {number}" for number in range(len(turns)))
    assert [len(row["span_ids"]) for row in rows] == [len(row["span_ids"]) for row in expected]
    for row in rows:
        assert row["session_key"] == row["session_keys"][-1]
        assert len(row["session_keys"]) == len(row["span_ids"])
    weights = [m.get("weight") for row in lines_of_conversation("openai", runs) for m in row["messages"]]
    assert weights.count(1) == len(turns)


def test_a_compacted_history_begins_another_conversation() -> None:
    with recording() as records, atlas.session("t"):
        complete([user("a")], ["b"])
        complete([user("a"), said("b"), user("c")], ["d"])
        complete([said("a, b, c, d in short"), user("e")], ["f"])
    rows = lines("chat", records.rows())
    assert [[m["content"] for m in row["messages"]] for row in rows] == [
        ["a", "b", "c", "d"],
        ["a, b, c, d in short", "e", "f"],
    ]
    assert [m["train"] for m in rows[1]["messages"]] == [False, False, True]


def test_rows_say_whose_they_are_and_tools_are_text_on_request() -> None:
    with recording() as records, atlas.session("t", name="me"), atlas.step("Look", id=2):
        complete([user("a")], ["b"])
        atlas.record_reward(0.5)
    (row,) = lines("chat", records.rows(), RowOptions(arguments="text"))
    assert (row["agent"], row["step_id"], row["attempt"], row["reward"], row["reward_source"]) == (
        "me",
        2,
        1,
        0.5,
        "step",
    )
    assert (row["session_reward"], row["unread_parts"], row["truncated"]) == (None, 0, False)


def test_a_thread_that_the_server_keeps_is_one_conversation() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    asks = {"role": "assistant", "content": None, "tool_calls": [call]}

    @atlas.llm(model="m")
    def ask(messages: list[Json]) -> Json:
        return {"choices": [{"index": 0, "message": asks}]}

    with recording() as records, atlas.session("t"):
        ask([user("What is up?")])
        # Only what is new is sent: what the model called, and what came of it.
        complete([asks, {"role": "tool", "tool_call_id": "c", "content": "the sky"}], ["The sky."])
    (row,) = lines("chat", records.rows())
    assert [message["role"] for message in row["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert [message["train"] for message in row["messages"]] == [False, True, False, True]


@atlas.llm(model="m")
def answer_with(messages: list[Json], message: Json) -> Json:
    return message


@given(st.lists(st.text("abz19", min_size=1, max_size=3), min_size=1, max_size=5, unique=True), st.randoms())
def test_no_result_of_parallel_calls_is_lost_whatever_their_ids_and_order(ids: list[str], order: Any) -> None:
    calls = [
        {"id": one, "type": "function", "function": {"name": "f", "arguments": f'{{"of":"{one}"}}'}} for one in ids
    ]
    results = [{"role": "tool", "tool_call_id": one, "content": f"result of {one}"} for one in ids]
    order.shuffle(results)
    with recording() as records, atlas.session("t"):
        calling = {"role": "assistant", "content": "I look.", "tool_calls": calls}
        answer_with([user("q")], calling)
        answer_with([user("q"), calling, *results], said("done"))
    (line,) = lines("chat", records.rows())
    found = [(one["tool_call_id"], one["content"]) for one in line["messages"] if one["role"] == "tool"]
    assert found == [(one["tool_call_id"], one["content"]) for one in results]
    assert [one["role"] for one in line["messages"]] == ["user", "assistant", *["tool"] * len(ids), "assistant"]
