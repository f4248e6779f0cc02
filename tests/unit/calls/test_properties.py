"""Whatever JSON comes: reading never raises and never invents; what is written reads back."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_otel.calls import conventions
from atlas_otel.calls.answer import finished
from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.attributes import from_attributes, to_attributes
from atlas_otel.calls.conventions import plain_message
from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.model_call import (
    Choice,
    Cut,
    Media,
    Message,
    ModelCall,
    Place,
    Reasoning,
    Refusal,
    ServerToolCall,
    Text,
    Tokens,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from atlas_otel.calls.openai_form import to_openai, to_openai_tools, unwritten
from atlas_otel.calls.request import read_request
from atlas_otel.calls.streams import join_stream
from atlas_otel.calls.tools import read_tools
from atlas_otel.calls.usage import read_usage
from atlas_otel.records.json_text import JsonText, dump

NAMES: Final = """
    role content parts type text tool_calls function name arguments id user assistant tool system model tool_use input
    tool_result tool_use_id functionCall args functionResponse response toolUse toolResult message messages choices
    delta candidates output generations usage reasoning thinking signature image_url url data source item index
    function_call call_id function_call_output lc kwargs ai human additional_kwargs done finishReason toolCalls
    summary refusal audio images value kind unread reasoning_details tools parameters input_schema prompt metadata
    message_start content_block_delta content_block response.output_text.delta token_ids logprobs meta_info
    """
WORDS = st.sampled_from(NAMES.split())
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=5),
    max_leaves=24,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SOME = TEXT.filter(bool)
PARTS = st.one_of(
    st.builds(Text, TEXT),
    st.builds(Reasoning, TEXT, st.none() | SOME, st.none() | SOME, st.none() | SOME),
    st.builds(ToolCall, st.none() | SOME, SOME, TEXT),
    st.builds(Media, st.just("image"), uri=SOME.map(lambda one: "https://h/" + one), mime_type=st.none() | SOME),
    st.builds(Refusal, SOME),
    st.builds(ServerToolCall, st.none() | SOME, SOME, st.dictionaries(TEXT, TEXT, max_size=2)),
)


def _message(role: str, parts: list[Any], name: str | None) -> Message:
    alone = parts if len(parts) == 1 else [part for part in parts if part != Text("")]
    return Message(role, tuple(alone), name)


MESSAGES = st.one_of(
    st.builds(
        _message, st.sampled_from(["user", "assistant", "system"]), st.lists(PARTS, min_size=1, max_size=3), st.none()
    ).filter(lambda one: bool(one.parts)),
    st.builds(
        lambda part: Message("tool", (part,)),
        st.builds(ToolResult, st.none() | SOME, st.none() | SOME, st.tuples(st.builds(Text, TEXT)), st.booleans()),
    ),
)
COUNTS = st.none() | st.integers(0, 2**40)
USAGES = st.builds(Usage, *[COUNTS] * 6).filter(lambda one: one != Usage())
TOKENS = st.none() | st.builds(Tokens, st.none() | st.tuples(st.integers(0, 10)), st.none() | st.just((-0.5, None)))
CALLS = st.builds(
    ModelCall,
    messages=st.lists(MESSAGES, max_size=4).map(tuple),
    choices=st.lists(
        st.builds(
            _message, st.just("assistant"), st.lists(PARTS, min_size=1, max_size=3), st.none()
        ).filter(lambda one: bool(one.parts)),
        max_size=2,
    ).map(lambda said: tuple(Choice(one, "stop", index=number) for number, one in enumerate(said))),
    tools=st.lists(
        st.builds(Tool, SOME, st.none() | TEXT, st.just({"type": "object"}), st.none() | st.booleans()), max_size=2
    ).map(tuple),
    parameters=st.dictionaries(SOME, st.integers() | TEXT, max_size=2),
    request_model=st.none() | SOME,
    response_id=st.none() | SOME,
    usage=st.none() | USAGES,
    prompt_tokens=TOKENS.filter(lambda one: one is None or one != Tokens()),
    cut=st.none() | st.builds(Cut, st.integers(1, 9), st.integers(1, 9)),
    place=st.builds(Place, st.none() | SOME, st.none() | st.integers(0, 9), agent=st.none() | SOME),
)  # fmt: skip


def words(value: Any) -> list[str]:
    """Every text within a value, and every key."""
    if isinstance(value, dict):
        return [*value, *[word for one in value.values() for word in words(one)]]
    if isinstance(value, list):
        return [word for one in value for word in words(one)]
    return [value] if isinstance(value, str) else []


def _said(messages: Any) -> list[str]:
    found = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, (Text, Reasoning, Refusal)):
                found.append(part.text)
            elif isinstance(part, ToolCall):
                found += [part.name, part.id or ""]
            elif isinstance(part, ToolResult):
                found.append(part.id or "")
    return found


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=400, deadline=None)
@given(JSON)
def test_whatever_json_is_read_nothing_raises_and_no_word_is_made_up(value: Any) -> None:
    read, answer = read_messages(value), read_answer(value)
    listed = value if isinstance(value, list) else [value]
    join_stream(listed)
    read_tools(value)
    read_usage(value)
    if isinstance(value, dict):
        read_request(value)
    said = _said([*read.items, *(choice.message for choice in answer.choices)])
    known, whole = set(words(value)), dump(value)
    joined = "".join(words(value))
    for text in said:
        for line in text.split("\n"):
            assert line in known or line in joined or text in whole or text == dump(json.loads(text))
    to_openai(read.items)
    json.dumps(to_openai([choice.message for choice in answer.choices]))


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_a_message_that_says_nothing_was_sent_so_or_is_marked(value: Any) -> None:
    listed = [value, {"role": "assistant", "content": value}, {"role": "user", "parts": [value]}]
    for message in read_messages(listed).items:
        assert message.parts or message.unread is not None or message.role in ("assistant", "user", "tool")
        if not message.parts:
            assert value in (None, "", [], {}) or isinstance(value, (dict, list))


@settings(max_examples=200, deadline=None)
@given(CALLS)
def test_a_call_written_as_attributes_reads_back_equal(call: ModelCall) -> None:
    assert from_attributes(to_attributes(call)) == call


@settings(max_examples=200, deadline=None)
@given(st.lists(MESSAGES, max_size=4))
def test_messages_in_openai_form_say_the_same_when_they_are_read_again(messages: list[Message]) -> None:
    written = to_openai(messages)
    again = read_messages(written).items
    assert to_openai(again) == written
    assert unwritten(again) == 0


@given(st.lists(st.builds(Tool, SOME, st.none() | TEXT, st.just({"type": "object"}), st.none() | st.booleans())))
def test_tools_in_openai_form_read_back_equal(tools: list[Tool]) -> None:
    assert list(read_tools(to_openai_tools(tools))) == tools


@given(st.text(max_size=40), st.integers(0, 60))
def test_json_cut_anywhere_gives_no_word_that_was_not_there(text: str, at: int) -> None:
    whole = json.dumps([{"role": "system", "content": text}, {"role": "user", "content": text}])
    cut = whole[: max(len(whole) - 1 - at, 2)]
    for message in read_messages(JsonText(cut)).items:
        assert message.unread is not None or message.text in (text, text.encode("utf-8", "replace").decode())


_CUT = "a…[3 bytes, cut by atlas-otel]…b"
_ANY = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system", "tool", "model", "User", ""]),
        "parts": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(["text", "reasoning"]),
                    "content": TEXT | st.just("a…[3 bytes, cut by atlas-otel]…b"),
                },
                optional={"annotations": st.just([{"url": "u"}])},
            ),
            max_size=2,
        ),
    },
    optional={"finish_reason": st.none() | SOME, "name": SOME, "unread": SOME, "tool_call_id": SOME},
)


@given(_ANY, st.sampled_from(["user", "assistant"]))
def test_a_message_that_is_one_text_is_read_as_any_other(message: dict[str, Any], role: str) -> None:
    found = plain_message(message)
    if found is not None:
        assert read_messages([message], role=role).items == (found,)
        assert (found,) == tuple(conventions.read_message(message, role))
        assert found.cut_bytes == 0
    whole = message.keys() == {"role", "parts"} and message["role"] in ("user", "assistant", "system")
    one = [part for part in message["parts"] if part["type"] == "text" and "annotations" not in part]
    if whole and len(message["parts"]) == len(one) == 1 and "cut by" not in one[0]["content"]:
        assert found == Message(message["role"], (Text(one[0]["content"]),))


_ONE_TEXT = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system"]),
        "parts": TEXT.map(lambda said: [{"type": "text", "content": said}]),
    },
    optional={"finish_reason": st.none() | SOME},
)


@given(st.lists(_ONE_TEXT, min_size=1, max_size=3))
def test_an_answer_of_plain_messages_is_what_the_messages_are(said: list[dict[str, Any]]) -> None:
    assert None not in map(plain_message, said)
    reasons = [one.get("finish_reason") or None for one in said]
    expected = finished(read_messages(said, role="assistant").items, reasons)
    assert read_answer(said) == expected
    assert read_answer(JsonText(dump(said))) == expected
    assert join_stream(said) is None
