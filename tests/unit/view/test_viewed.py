"""What is added to a span for people, and that a receiver takes back exactly that."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import atlas_otel as atlas
from atlas_otel import semconv
from atlas_otel.testing import recording
from atlas_otel.view.said import said
from atlas_otel.view.undone import as_recorded
from atlas_otel.view.viewed import view_of


def view(attributes: dict[str, Any]) -> dict[str, Any]:
    return {**attributes, **view_of(attributes).attributes}


def test_a_tools_text_is_that_text_and_comes_back_as_json() -> None:
    for result in ('"a\\n\\"b\\""', '"[1]"', "[1]", '{"a": 1}', "null"):
        held = {semconv.ATLAS_KIND: "tool", semconv.GEN_AI_TOOL_CALL_RESULT: result}
        shown = view(held)
        if result.startswith('"'):
            assert shown[semconv.GEN_AI_TOOL_CALL_RESULT] == json.loads(result)
        else:
            assert shown == held
        assert json.loads(as_recorded(shown)[semconv.GEN_AI_TOOL_CALL_RESULT]) == json.loads(result)
        assert as_recorded(shown).keys() == held.keys()


def test_an_agents_task_and_answer_are_messages() -> None:
    shown = view(
        {semconv.ATLAS_KIND: "agent", semconv.ATLAS_INPUT: '{"question": "Why?"}', semconv.ATLAS_OUTPUT: '{"a": 1}'}
    )
    assert json.loads(shown[semconv.GEN_AI_INPUT_MESSAGES]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Why?"}]}
    ]
    assert json.loads(shown[semconv.GEN_AI_OUTPUT_MESSAGES]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": '{"a": 1}'}], "finish_reason": "stop"}
    ]
    assert view({semconv.ATLAS_KIND: "function", semconv.ATLAS_INPUT: '{"a": "b"}'}).keys() == {
        semconv.ATLAS_KIND,
        semconv.ATLAS_INPUT,
    }


def test_metadata_can_be_searched_by_its_own_names_but_not_in_place_of_others() -> None:
    metadata = {"tenant": "acme", "n": 3, "ok": True, "deep": {"a": {"b": 1.5}}, "list": [1], "long": "x" * 300}
    taken = {"error": True, "gen_ai.x": 1, "atlas.kind": "tool", "service.name": "mine", "not a name": 1, "status": "x"}
    held = {
        semconv.ATLAS_KIND: "session",
        semconv.ATLAS_METADATA: json.dumps(metadata | taken),
        semconv.ATLAS_TAGS: ["a b"],
    }
    shown = view(held)
    added = {key: value for key, value in shown.items() if key not in held and not key.startswith("atlas.view.")}
    assert added == {"tenant": "acme", "n": 3, "ok": True, "deep.a.b": 1.5, "atlas.tag.a b": True}
    assert as_recorded(shown) == held


def test_the_conversation_is_the_callers_own() -> None:
    held = {
        semconv.ATLAS_KIND: "session",
        semconv.ATLAS_SESSION_ID: "k",
        semconv.ATLAS_METADATA: '{"conversation_id": 7}',
    }
    assert view(held)[semconv.GEN_AI_CONVERSATION_ID] == "7"
    assert semconv.GEN_AI_CONVERSATION_ID not in view({semconv.ATLAS_KIND: "session", semconv.ATLAS_SESSION_ID: "k"})


@given(
    st.dictionaries(
        st.sampled_from([semconv.ATLAS_METADATA, semconv.ATLAS_TASK, semconv.ATLAS_INPUT, semconv.ATLAS_OUTPUT,
                         semconv.GEN_AI_TOOL_CALL_RESULT, semconv.ATLAS_EVENTS, "other"]),
        st.text(max_size=30) | st.recursive(st.text(max_size=5) | st.integers(), st.lists).map(json.dumps)
        | st.dictionaries(st.text(max_size=9), st.text(max_size=9)).map(json.dumps),
    ),
    st.sampled_from(["session", "agent", "tool", "step"]),
)  # fmt: skip
def test_whatever_a_span_holds_comes_back_as_it_was(held: dict[str, Any], kind: str) -> None:
    held = {semconv.ATLAS_KIND: kind, **held}
    back = as_recorded(view(held))
    assert back.keys() == held.keys()
    for key, value in held.items():
        assert back[key] == value or json.loads(back[key]) == json.loads(value)


def test_events_say_what_was_said() -> None:
    with recording(sdk_spans=True) as recorded:
        with atlas.session("t", name="s"):
            atlas.set_plan([{"description": "Look", "tool": "eye"}, "Say"])
            atlas.add_guidance("closer", step=1)
            atlas.set_validation(False, reason="too far", rows=2)
            atlas.record_reward(0.5, rationale="half", judge="me")
            atlas.emit_event("seen", {"bird": "heron"})
            atlas.set_metadata(a=1)
        events = {event.name: event for event in recorded.events}
    shown = {name: said(name, {semconv.ATLAS_EVENT_PAYLOAD: event.payload}) for name, event in events.items()}
    assert shown[semconv.EVENT_PLAN][semconv.ATLAS_PLAN_LINES] == ["1. Look", "2. Say"]
    assert shown[semconv.EVENT_GUIDANCE] == {semconv.ATLAS_GUIDANCE_NOTE: "closer", semconv.ATLAS_STEP_ID: 1}
    assert shown[semconv.EVENT_VALIDATION] == {
        semconv.ATLAS_VALIDATION_REASON: "too far",
        semconv.ATLAS_EVENT_PAYLOAD: '{"rows":2}',
    }
    assert shown[semconv.EVENT_REWARD] == {
        semconv.GEN_AI_EVALUATION_EXPLANATION: "half",
        semconv.ATLAS_EVENT_PAYLOAD: '{"judge":"me"}',
    }
    assert shown[semconv.EVENT_ADAPTER] == {semconv.ATLAS_EVENT_PAYLOAD: '{"bird":"heron"}'}
    assert shown[semconv.EVENT_METADATA] == {semconv.ATLAS_METADATA: '{"a":1}'}


def test_a_pushed_step_shows_what_it_carries() -> None:
    step = {"payload": {"event_type": "LLM_NEW_TOKEN", "UUID": "u", "data": {"chunk": "he"}}, "parent_id": "root"}
    shown = said(semconv.EVENT_INTERMEDIATE_STEP, {semconv.ATLAS_EVENT_PAYLOAD: json.dumps(step)})
    assert shown == {semconv.ATLAS_NAME: "LLM_NEW_TOKEN", semconv.ATLAS_EVENT_CHUNK: "he"}


def test_what_is_no_event_of_ours_stays() -> None:
    held = {semconv.ATLAS_EVENT_PAYLOAD: "no json"}
    assert said(semconv.EVENT_GUIDANCE, held) is held
    assert said("others", held) is held
