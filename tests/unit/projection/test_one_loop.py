"""One loop recorded by the GenAI conventions, by OpenInference and by OpenLLMetry: the same two model calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from atlas_otel.capture.capture import Capture
from atlas_otel.otlp.documents import decode_document
from atlas_otel.projection.project import project
from atlas_otel.records.record import SpanRecord
from atlas_otel_exporters.training.recorded import read_session
from tests.support import one_loop
from tests.support.one_loop import ANSWER, ASKED, CALLS, EXPECTED, IMAGE, MODEL, RESULTS, SAID, SCHEMA, SYSTEM, THOUGHT
from tests.support.producers import LOOPS, recording
from tests.support.records import make_span
from tests.support.stored_sessions import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.calls.model_call import ModelCall

Attributes = dict[str, Any]


def conventions(*, second: bool) -> Attributes:
    def say(role: str, *parts: Attributes) -> Attributes:
        return {"role": role, "parts": list(parts)}

    def text(said: str) -> Attributes:
        return {"type": "text", "content": said}

    calls = [{"type": "tool_call", "id": one, "name": name, "arguments": given} for one, name, given in CALLS]
    asked = say("user", text(ASKED), {"type": "blob", "modality": "image", "mime_type": "image/png", "content": IMAGE})
    history = [asked]
    if second:
        results = [{"type": "tool_call_response", "id": one, "response": said} for one, said in RESULTS]
        history += [say("assistant", text(SAID), *calls), *(say("tool", one) for one in results)]
    answer = (
        say("assistant", text(ANSWER))
        if second
        else say("assistant", {"type": "reasoning", "content": THOUGHT}, text(SAID), *calls)
    )
    tool = {"type": "function", "name": "weather", "description": "The weather.", "parameters": SCHEMA}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": MODEL,
        "gen_ai.system_instructions": json.dumps([text(SYSTEM)]),
        "gen_ai.input.messages": json.dumps(history),
        "gen_ai.output.messages": json.dumps([{**answer, "finish_reason": "stop" if second else "tool_call"}]),
        "gen_ai.tool.definitions": json.dumps([tool]),
    }


def openinference(*, second: bool) -> Attributes:
    found: Attributes = {"openinference.span.kind": "LLM", "llm.model_name": MODEL}

    def calls(at: str) -> None:
        for number, (one, name, given) in enumerate(CALLS):
            call = f"{at}.tool_calls.{number}.tool_call"
            found[f"{call}.id"], found[f"{call}.function.name"] = one, name
            found[f"{call}.function.arguments"] = json.dumps(given)

    given = "llm.input_messages"
    found[f"{given}.0.message.role"], found[f"{given}.0.message.content"] = "system", SYSTEM
    contents = f"{given}.1.message.contents"
    found[f"{given}.1.message.role"] = "user"
    found[f"{contents}.0.message_content.type"], found[f"{contents}.0.message_content.text"] = "text", ASKED
    found[f"{contents}.1.message_content.type"] = "image"
    found[f"{contents}.1.message_content.image.image.url"] = f"data:image/png;base64,{IMAGE}"
    if second:
        found[f"{given}.2.message.role"], found[f"{given}.2.message.content"] = "assistant", SAID
        calls(f"{given}.2.message")
        for number, (one, said) in enumerate(RESULTS, 3):
            found[f"{given}.{number}.message.role"], found[f"{given}.{number}.message.content"] = "tool", said
            found[f"{given}.{number}.message.tool_call_id"] = one
    came = "llm.output_messages.0.message"
    found[f"{came}.role"] = "assistant"
    if second:
        found[f"{came}.content"] = ANSWER
    else:
        for number, (kind, said) in enumerate((("reasoning", THOUGHT), ("text", SAID))):
            part = f"{came}.contents.{number}.message_content"
            found[f"{part}.type"], found[f"{part}.text"] = kind, said
        calls(came)
    found["llm.tools.0.tool.json_schema"] = json.dumps(one_loop.OPENAI_TOOLS[0])
    return found


def openllmetry(*, second: bool) -> Attributes:
    found: Attributes = {"llm.request.type": "chat", "gen_ai.request.model": MODEL, "gen_ai.system": "openai"}

    def say(at: str, role: str, content: str | None) -> None:
        found[f"{at}.role"] = role
        if content is not None:
            found[f"{at}.content"] = content

    def calls(at: str) -> None:
        for number, (one, name, given) in enumerate(CALLS):
            call = f"{at}.tool_calls.{number}"
            found[f"{call}.id"], found[f"{call}.name"], found[f"{call}.arguments"] = one, name, json.dumps(given)

    say("gen_ai.prompt.0", "system", SYSTEM)
    say("gen_ai.prompt.1", "user", json.dumps(one_loop.OPENAI_OPENING[1]["content"]))
    if second:
        say("gen_ai.prompt.2", "assistant", SAID)
        calls("gen_ai.prompt.2")
        for number, (one, said) in enumerate(RESULTS, 3):
            say(f"gen_ai.prompt.{number}", "tool", said)
            found[f"gen_ai.prompt.{number}.tool_call_id"] = one
        say("gen_ai.completion.0", "assistant", ANSWER)
    else:
        say("gen_ai.completion.0", "assistant", SAID)
        found["gen_ai.completion.0.reasoning"] = THOUGHT
        calls("gen_ai.completion.0")
    functions = {"name": "weather", "description": "The weather.", "parameters": json.dumps(SCHEMA)}
    found |= {f"llm.request.functions.0.{key}": value for key, value in functions.items()}
    return found


def _calls(write: Callable[..., Attributes]) -> list[ModelCall]:
    """What two spans with these attributes, below an agent's, come to."""
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather"}
    root = make_span(span_id="0" * 15 + "1", name="agent", session_key="k", start_ns=1, end_ns=100, attributes=agent)
    spans = [root]
    for number, second in enumerate((False, True), 2):
        spans.append(
            make_span(
                span_id="0" * 15 + str(number),
                parent_span_id=root.span_id,
                name=f"chat {MODEL}",
                session_key="k",
                start_ns=number * 10,
                end_ns=number * 10 + 5,
                attributes=write(second=second),
            )
        )
    rows = project(spans)
    assert rows is not None
    return [turn.call for turn in read_session(stored(rows)).turns]


@pytest.mark.parametrize("name", LOOPS)
def test_instrumentations_really_write_the_same_two_model_calls(name: str) -> None:
    """What they sent, recorded."""
    spans = [
        one
        for document in recording(name).signals
        for one in decode_document(document, Capture()).records
        if isinstance(one, SpanRecord)
    ]
    rows = project(spans)
    assert rows is not None
    first, second = [turn.call for turn in read_session(stored(rows)).turns]
    if name == "one-loop-openai-openllmetry":  # an inline image makes it write no input at all
        assert (first.messages, second.messages) == ((), ())
        said, wanted = (set(one.choices[0].message.parts) for one in map(one_loop.comparable, (first, EXPECTED[0])))
        assert said == wanted
    else:
        assert one_loop.comparable(first) == EXPECTED[0]
        assert one_loop.comparable(second) == EXPECTED[1]
    for call in (first, second):
        assert call.usage is not None
        assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.cached_tokens) == (150, 20, 100)


@pytest.mark.parametrize("write", [conventions, openinference, openllmetry])
def test_one_loop_is_the_same_two_model_calls_however_it_was_recorded(write: Callable[..., Attributes]) -> None:
    first, second = _calls(write)
    assert one_loop.comparable(first) == EXPECTED[0]
    assert one_loop.comparable(second) == EXPECTED[1]
    assert first.whole
    assert second.whole
