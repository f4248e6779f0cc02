"""What a reader has learnt since a session was recorded, a rebuild of its rows has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.projection.project import project
from atlas_otel.testing import recording
from atlas_otel_exporters.training.recorded import read_session
from tests.support.stored_sessions import stored

if TYPE_CHECKING:
    from atlas_otel.calls.model_call import ModelCall

USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"z": 1, "a": "Paris"}}
ANSWER = {
    "type": "message", "role": "assistant", "model": "claude-1", "id": "msg_1", "stop_reason": "tool_use",
    "content": [{"type": "text", "text": "Let me look."}, USE],
    "usage": {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20},
}  # fmt: skip
TOOLS = [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}]


def _recorded_long_ago(attributes: dict[str, Any]) -> ModelCall:
    """The call, of a span that has these attributes in place of what today's recorder would write."""
    with recording() as records:
        with atlas.session("t"), atlas.llm(model="m"):
            pass
        (span,) = [one for one in records.spans if one.kind == "llm"]
        old = span._replace(attributes={**span.attributes, **attributes})
        rows = project([one if one.key != span.key else old for one in records.spans])
    assert rows is not None
    (turn,) = read_session(stored(rows)).turns
    return turn.call


def test_raw_arguments_and_answer_are_read_where_the_recorder_knew_neither() -> None:
    given = {"system": "Be brief.", "tools": TOOLS, "chat": [{"role": "user", "content": "hi"}], "temperature": 0.5}
    call = _recorded_long_ago({semconv.ATLAS_INPUT: json.dumps(given), semconv.ATLAS_OUTPUT: json.dumps(ANSWER)})
    assert [one.text for one in call.messages] == ["Be brief.", "hi"]
    assert [tool.name for tool in call.tools] == ["weather"]
    answer = call.answer
    assert answer is not None
    assert answer.text == "Let me look."
    assert [one.arguments_text for one in answer.tool_calls] == ['{"z":1,"a":"Paris"}']
    assert (call.response_id, call.response_model) == ("msg_1", "claude-1")


def test_an_answer_that_was_read_in_part_is_read_whole_and_its_input_counted_whole() -> None:
    poor = [{"role": "assistant", "parts": [{"type": "text", "content": "Let me look."}]}]
    call = _recorded_long_ago(
        {
            semconv.GEN_AI_INPUT_MESSAGES: '[{"role": "user", "content": "hi"}]',
            semconv.GEN_AI_OUTPUT_MESSAGES: json.dumps(poor),
            semconv.GEN_AI_USAGE_INPUT_TOKENS: 5,
            semconv.ATLAS_OUTPUT: json.dumps(ANSWER),
        }
    )
    assert call.answer is not None
    assert [one.name for one in call.answer.tool_calls] == ["weather"]
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.cached_tokens) == (125, 100)


@pytest.mark.parametrize("message", [{"role": "user", "content": "hi"}, {"type": "human", "content": "hi"}])
def test_a_message_that_was_marked_unread_is_read(message: dict[str, Any]) -> None:
    unknown = {"type": "atlas.unknown", "kind": "object", "value": message}
    marked = [{"role": "user", "parts": [unknown], "unread": "no message in any known form"}]
    call = _recorded_long_ago(
        {
            semconv.GEN_AI_INPUT_MESSAGES: json.dumps(marked),
            semconv.GEN_AI_OUTPUT_MESSAGES: '[{"role": "assistant", "parts": [{"type": "text", "content": "ok"}]}]',
        }
    )
    assert call.marks == ()
    assert [one.text for one in call.messages] == ["hi"]


def test_what_an_object_was_described_as_is_no_answer() -> None:
    call = _recorded_long_ago(
        {
            semconv.GEN_AI_INPUT_MESSAGES: '[{"role": "user", "content": "hi"}]',
            semconv.ATLAS_OUTPUT: '"<openai.Stream>"',
        }
    )
    assert call.choices == ()
