"""What a decorated model call says of itself, whatever its function is called with and gives back."""

from __future__ import annotations

import json
from typing import Any

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.testing import recording
from tests.support.stored_sessions import lines

Json = dict[str, Any]
TOOL: Json = {"name": "w", "description": "d", "input_schema": {"type": "object"}}
ANSWER: Json = {
    "choices": [
        {
            "message": {"role": "assistant", "content": "the code is 4711"},
            "finish_reason": "stop",
            "token_ids": [1, 2],
            "logprobs": {"content": [{"token": "the", "logprob": -0.1}, {"token": " code", "logprob": -0.2}]},
        }
    ],
    "prompt_token_ids": [7],
}


def _span(recorded: Any) -> Json:
    (span,) = [one for one in recorded.spans if one.kind == "llm"]
    return dict(span.attributes)


@atlas.llm(provider="p")
def create(**request: Any) -> Any:
    return ANSWER


def test_what_the_call_was_given_is_kept_where_it_belongs_and_once() -> None:
    with recording() as recorded:
        create(
            messages=[{"role": "user", "content": "hi"}],
            system="Be brief.",
            tools=[TOOL],
            model="m",
            response_format={"type": "json_object"},
        )
    span = _span(recorded)
    assert span[semconv.GEN_AI_REQUEST_MODEL] == "m"
    assert json.loads(span[semconv.GEN_AI_SYSTEM_INSTRUCTIONS]) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(span[semconv.GEN_AI_TOOL_DEFINITIONS])[0]["parameters"] == {"type": "object"}
    rest = json.loads(span[semconv.ATLAS_INPUT])
    assert rest == {"model": "m", "response_format": {"type": "json_object"}}


def test_tools_that_cannot_all_be_read_stay_among_the_arguments() -> None:
    with recording() as recorded:
        create(messages=[{"role": "user", "content": "hi"}], tools=[TOOL, 7])
    assert json.loads(_span(recorded)[semconv.ATLAS_INPUT])["tools"] == [TOOL, 7]


def test_a_stream_of_a_known_form_is_one_answer_without_a_reducer() -> None:
    @atlas.llm(model="m")
    def stream(messages: list[Json]) -> Any:
        yield {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]}
        yield {"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]}
        yield {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}

    with recording() as recorded, atlas.session("t"):
        assert len(list(stream([{"role": "user", "content": "hi"}]))) == 3
    span = _span(recorded)
    (said,) = json.loads(span[semconv.GEN_AI_OUTPUT_MESSAGES])
    assert said["parts"] == [{"type": "text", "content": "Hello"}]
    assert (span[semconv.GEN_AI_USAGE_INPUT_TOKENS], span[semconv.ATLAS_STREAM_CHUNKS]) == (3, 3)
    (line,) = lines("chat", recorded.rows())
    assert [one["content"] for one in line["messages"]] == ["hi", "Hello"]


def test_token_ids_are_kept_unless_a_redactor_could_not_see_what_they_say() -> None:
    with recording() as recorded:
        create(prompt="hi")
    assert json.loads(_span(recorded)[semconv.ATLAS_LLM_TOKENS])["choices"][0]["ids"] == [1, 2]

    def redact(text: str, where: str) -> str:
        return text.replace("4711", "[code]")

    with recording(capture=Capture(redactor=redact)) as recorded:
        create(prompt="hi")
    span = _span(recorded)
    assert semconv.ATLAS_LLM_TOKENS not in span
    assert "token_ids" not in span[semconv.ATLAS_OUTPUT]
    assert "logprob" not in span[semconv.ATLAS_OUTPUT]
    assert "the code is [code]" in span[semconv.GEN_AI_OUTPUT_MESSAGES]


def test_without_content_there_is_no_conversation() -> None:
    with recording(capture=Capture(content=False)) as recorded, atlas.session("t") as session:
        create(messages=[{"role": "user", "content": "hi"}])
        session.final_answer = "done"
    assert semconv.GEN_AI_INPUT_MESSAGES not in _span(recorded)
    assert lines("chat", recorded.rows()) == []


def test_an_object_that_can_only_be_described_is_nobodys_answer() -> None:
    class Stream:
        pass

    @atlas.llm(model="m")
    def opened(messages: list[Json]) -> Any:
        return Stream()

    with recording() as recorded, atlas.session("t"):
        opened([{"role": "user", "content": "hi"}])
    assert semconv.GEN_AI_OUTPUT_MESSAGES not in _span(recorded)
    assert lines("chat", recorded.rows()) == []
