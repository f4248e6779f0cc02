"""What a value says as a task or as an answer, whatever a framework puts around it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.projection.statements import answered, asked, is_repr, repr_fields
from atlas_otel.records.json_text import JsonText


def of(value: object) -> JsonText:
    return JsonText(json.dumps(value))


TURNS = [
    {"role": "user", "content": "q0"},
    {"role": "assistant", "content": "a0"},
    {"role": "user", "content": "q1"},
]


@pytest.mark.parametrize(
    ("value", "task"),
    [
        ("Do it", "Do it"),
        ("the \\u0000 in [brackets]", "the \\u0000 in [brackets]"),
        (TURNS, "q1"),
        ({"messages": TURNS}, "q1"),
        ({"input": {"messages": [["user", "Mine"]]}}, "Mine"),
        ([{"type": "human", "data": {"content": "Hi", "type": "human"}}], "Hi"),
        ({"lc": 1, "id": ["x", "HumanMessage"], "kwargs": {"content": "Hi", "type": "human"}}, "Hi"),
        ({"args": ["Only"], "kwargs": {}}, "Only"),
        ({"input_args": [], "input_kwargs": {"question": "Q"}}, "Q"),
        ({"raw": "R", "agent": "a"}, "R"),
        ([{"text": "one"}, {"text": "two"}], "one\ntwo"),
        ('{"messages": [{"role": "user", "content": "inside"}]}', "inside"),
        ('{"city": "Oslo"}', '{"city": "Oslo"}'),
        ("StartEvent(query='What?', n=1)", "What?"),
        ({"anything": "only"}, "only"),
        ({"a": 1, "b": "x"}, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_tasks(value: object, task: str) -> None:
    assert asked(of(value)) == task


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("Done", "Done"),
        ({"messages": [*TURNS, {"role": "assistant", "content": "a1"}]}, "a1"),
        ({"raw": "R", "pydantic": None, "tasks_output": []}, "R"),
        ("StopEvent(result='It is 4 degrees.')", "It is 4 degrees."),
        ("Result(response=Message(role='assistant', content='In it'))", "In it"),
        ({"replies": [{"role": "assistant", "content": [{"type": "text", "text": "yes"}]}]}, "yes"),
        ('{"score": 1}', '{"score": 1}'),
        ({"role": "user", "content": "not an answer"}, ""),
    ],
)
def test_answers(value: object, answer: str) -> None:
    assert answered(of(value)) == answer


@pytest.mark.parametrize(
    "text",
    ["StopEvent(result=1)", "<generator object f at 0x7f00aa>", "<llama.Response object at 0x1>", "a.B(c=d(e=1))"],
)
def test_what_python_shows_of_an_object_is_no_words(text: str) -> None:
    assert is_repr(text)


@pytest.mark.parametrize("text", ["It is (c=3) fine", "print(x=1) and more", "<b>bold</b>", "f(x)", "", "4 degrees."])
def test_words_are(text: str) -> None:
    assert not is_repr(text)


@given(
    st.recursive(
        st.text(max_size=6) | st.none() | st.integers(),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(
                st.sampled_from(["messages", "role", "content", "input", "raw", "type", "kwargs", "lc", "x"]),
                one,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_nothing_makes_them_raise(value: object) -> None:
    assert isinstance(asked(of(value)), str)
    assert isinstance(answered(of(value)), str)
    assert isinstance(repr_fields(str(value)), dict)
