"""What leaves the process of spans and events that somebody else wrote."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.capture.allowlist import permitted
from atlas_otel.capture.capture import Capture
from atlas_otel.capture.normalise import to_tree
from atlas_otel.capture.privacy import event_skeleton, sanitize_event, sanitize_resource, sanitize_span
from atlas_otel.capture.redaction import build_redactor
from atlas_otel.records.record import (
    EventRecord,
    SpanEvent,
    SpanLink,
    SpanRecord,
    decode_record,
    encode_record,
)
from tests.support.records import make_span

SECRET = "alice@example.org wants 5ecret"
OFF = Capture(content=False)
HIDING = Capture(redactor=lambda text, where: text.replace(SECRET, "[x]"))


def span(**fields: Any) -> SpanRecord:
    plain = make_span(
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        name="GET",
        span_kind=3,
        scope="openai.v1",
        version=2,
    )
    return plain._replace(**fields)


def event(name: str, payload: object) -> EventRecord:
    text = orjson.dumps(to_tree(payload).tree).decode()
    return EventRecord("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 5, None, name, text)


def everywhere(text: str) -> SpanRecord:
    """A span that holds ``text`` wherever a span can hold any."""
    return span(
        name=text,
        status=2,
        status_message=f"ValueError: {text}",
        attributes={
            "input.value": orjson.dumps({"messages": [{"content": text}]}).decode(),
            semconv.GEN_AI_INPUT_MESSAGES: text,
            semconv.GEN_AI_OPERATION_NAME: "chat",
            semconv.GEN_AI_REQUEST_MODEL: "gpt-5-mini",
            semconv.GEN_AI_USAGE_INPUT_TOKENS: 12,
            semconv.ATLAS_TASK: text,
            semconv.ATLAS_TAGS: (text, "b"),
            semconv.ATLAS_USER_ID: text,
            "url.full": f"https://example.org/{text}",
            text: text,
            "deep": {"a": [text, {text: 1}]},
            semconv.ATLAS_EVENTS: orjson.dumps([[1, semconv.EVENT_GUIDANCE, {"note": text}]]).decode(),
        },
        events=(
            SpanEvent(
                "exception",
                1,
                {"exception.type": "ValueError", "exception.message": text, "exception.stacktrace": text},
            ),
            SpanEvent(text, 1, {text: text}),
        ),
        links=(SpanLink("0" * 31 + "1", "0" * 15 + "1", {"why": text, text: 1}),),
        resource={
            "service.name": "agent",
            "process.command_args": ("agent", "--key", text),
            "process.command_line": text,
            "custom": text,
            text: "x",
        },
    )


@pytest.mark.parametrize("capture", [OFF, HIDING])
def test_nothing_of_a_planted_secret_passes(capture: Capture) -> None:
    kept = sanitize_span(everywhere(SECRET), capture)
    assert SECRET not in encode_record(kept).decode()
    assert sanitize_span(kept, capture) == kept
    assert decode_record(encode_record(kept)).key == kept.key


def test_with_content_off_the_allowlist_is_what_is_left() -> None:
    kept = sanitize_span(everywhere(SECRET), OFF)
    assert kept.name == "chat gpt-5-mini"
    assert kept.status == 2
    assert kept.status_message is None
    assert kept.attributes == {
        semconv.GEN_AI_OPERATION_NAME: "chat",
        semconv.GEN_AI_REQUEST_MODEL: "gpt-5-mini",
        semconv.GEN_AI_USAGE_INPUT_TOKENS: 12,
        semconv.ATLAS_EVENTS: f'[[1,"{semconv.EVENT_GUIDANCE}",{{"note":"{semconv.NOT_CAPTURED}"}}]]',
    }
    assert kept.events == (SpanEvent("exception", 1, {"exception.type": "ValueError"}), SpanEvent("event", 1, {}))
    assert kept.links == (SpanLink("0" * 31 + "1", "0" * 15 + "1", {}),)
    assert kept.resource == {"service.name": "agent"}


def test_with_content_on_and_no_redactor_only_the_command_line_is_held_back() -> None:
    given = everywhere("plain words")
    kept = sanitize_span(given, Capture())
    assert kept.name == given.name
    assert kept.status_message == given.status_message
    assert {**kept.attributes, semconv.ATLAS_TAGS: ()} == {**given.attributes, semconv.ATLAS_TAGS: ()}
    assert list(kept.attributes[semconv.ATLAS_TAGS]) == ["plain words", "b"]  # type: ignore[arg-type]
    assert kept.events == given.events
    assert kept.links == given.links
    assert kept.resource == {"service.name": "agent", "custom": "plain words", "plain words": "x"}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"name": "GET /users/alice?token=x", "attributes": {"http.request.method": "GET"}}, "GET"),
        ({"name": "SELECT * FROM users", "attributes": {"db.system": "postgresql"}}, "postgresql"),
        ({"name": "Tell me of Alice", "scope": "langchain"}, "langchain"),
        ({"name": "x", "scope": ""}, "span"),
        (
            {"name": "x", "attributes": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}},
            "execute_tool search",
        ),
        (
            {"name": "x", "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "see https://x"}},
            "chat",
        ),
        (
            {
                "name": "step 3: ask Alice",
                "scope": semconv.SCOPE_NAME,
                "kind": "step",
                "attributes": {"atlas.step.id": 3},
            },
            "step 3",
        ),
        ({"name": "step: ask Alice", "scope": semconv.SCOPE_NAME, "kind": "step"}, "step"),
        ({"name": "execute_tool search", "scope": semconv.SCOPE_NAME, "kind": "tool"}, "execute_tool search"),
    ],
)
def test_span_names_without_content(fields: dict[str, Any], name: str) -> None:
    kept = sanitize_span(span(**fields), OFF)
    assert kept.name == name
    assert sanitize_span(kept, OFF) == kept


def test_a_status_message_comes_down_to_the_errors_type() -> None:
    failed = span(status=2, status_message="TimeoutError: Alice", attributes={semconv.ERROR_TYPE: "TimeoutError"})
    assert sanitize_span(failed, OFF).status_message == "TimeoutError"
    assert sanitize_span(failed._replace(status_message=None), OFF).status_message is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (semconv.GEN_AI_REQUEST_MODEL, "gpt\nTell me"),
        (semconv.GEN_AI_REQUEST_MODEL, "x" * 129),
        (semconv.GEN_AI_OPERATION_NAME, "tell me a story"),
        (semconv.GEN_AI_TOOL_NAME, "alice@example.org"),
        (semconv.ERROR_TYPE, "Could not find Alice"),
        (semconv.GEN_AI_USAGE_INPUT_TOKENS, "many"),
        ("gen_ai.request.prompt", "Tell me"),
        ("gen_ai.usage.a b", 5),
        (semconv.GEN_AI_RESPONSE_FINISH_REASONS, ["stop", "Alice said no"]),
        (semconv.ATLAS_STEP_ATTEMPT, float("nan")),
        (semconv.GEN_AI_RESPONSE_ID, "https://example.org/alice"),
        (semconv.ATLAS_STEP_DESCRIPTION, "x"),
        (semconv.ATLAS_EVENT_PAYLOAD, "x"),
        ("server.address", "x"),
    ],
)
def test_a_value_out_of_form_does_not_pass(key: str, value: Any) -> None:
    assert permitted({key: value}) == {}
    assert OFF.attributes({key: value}, "span") == {}


def test_what_the_allowlist_is_for_passes() -> None:
    given = {
        semconv.ATLAS_SESSION_ID: "0" * 32,
        semconv.ATLAS_STEP_ID: 3,
        semconv.ATLAS_STREAM_INCOMPLETE: True,
        semconv.ERROR_TYPE: "openai.RateLimitError",
        semconv.GEN_AI_AGENT_NAME: "release notes",
        semconv.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",),
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.cache_read.input_tokens": 7,
        "llm.token_count.prompt": 12,
        "http.response.status_code": 429,
    }
    assert permitted(given) == given


STEP = {
    "parent_id": "root",
    "function_ancestry": {"function_id": "root", "function_name": "root", "parent_id": None, "parent_name": None},
    "payload": {
        "UUID": "b7ad6b7169203331",
        "event_type": "TOOL_END",
        "event_timestamp": 1.5,
        "span_event_timestamp": 1.0,
        "name": "search",
        "tags": [SECRET],
        "data": {"input": SECRET},
        "metadata": {"provided_metadata": SECRET},
        "usage_info": {"prompt_tokens": 3, "note": SECRET},
    },
    "anomaly": "second_end",
}
EVENTS = [
    (
        semconv.EVENT_PLAN,
        {
            "steps": [
                {"id": 1, "description": SECRET, "tool": SECRET, "tool_params": {"q": SECRET}, "depends_on": [0]}
            ],
            "execution_mode": "stepwise",
        },
        {"steps": [{"id": 1, "description": semconv.NOT_CAPTURED, "depends_on": [0]}], "execution_mode": "stepwise"},
    ),
    (
        semconv.EVENT_REWARD,
        {
            "name": "helpfulness",
            "score": 0.5,
            "rationale": SECRET,
            "judge": "rim",
            "judges": [{"identifier": "a", "score": 1.0, "rationale": SECRET, "samples": [SECRET]}],
            "primary": True,
            "raw": {"x": SECRET},
            "target": {"step": 2, "attempt": 1, "note": SECRET},
        },
        {
            "name": "helpfulness",
            "score": 0.5,
            "judge": "rim",
            "primary": True,
            "judges": [{"identifier": "a", "score": 1.0}],
            "target": {"step": 2, "attempt": 1},
        },
    ),
    (
        semconv.EVENT_GUIDANCE,
        {"note": SECRET, "target": {"span_id": "b7ad6b7169203331"}},
        {"note": semconv.NOT_CAPTURED, "target": {"span_id": "b7ad6b7169203331"}},
    ),
    (semconv.EVENT_VALIDATION, {"valid": False, "reason": SECRET}, {"valid": False}),
    (semconv.EVENT_ADAPTER, {"name": "env_action", "payload": {"x": SECRET}}, {"payload": None, "name": "env_action"}),
    (semconv.EVENT_ADAPTER, {"name": SECRET, "payload": 1}, {"payload": None}),
    (
        semconv.EVENT_INTERMEDIATE_STEP,
        STEP,
        {
            "parent_id": "root",
            "anomaly": "second_end",
            "function_ancestry": {"function_id": "root", "function_name": "root"},
            "payload": {
                "event_timestamp": 1.5,
                "span_event_timestamp": 1.0,
                "UUID": "b7ad6b7169203331",
                "event_type": "TOOL_END",
                "name": "search",
                "usage_info": {"prompt_tokens": 3},
            },
        },
    ),
]


@pytest.mark.parametrize(("name", "payload", "left"), EVENTS)
def test_events_without_content(name: str, payload: Any, left: Any) -> None:
    kept = sanitize_event(event(name, payload), OFF)
    assert kept is not None
    assert orjson.loads(kept.payload) == left
    assert sanitize_event(kept, OFF) == kept
    assert event_skeleton(name, payload) == left


@pytest.mark.parametrize(
    ("name", "payload"),
    [(semconv.EVENT_METADATA, {"tenant": SECRET}), ("custom", {"a": 1}), (semconv.EVENT_PLAN, SECRET)],
)
def test_events_of_which_nothing_may_pass(name: str, payload: Any) -> None:
    assert sanitize_event(event(name, payload), OFF) is None


def test_events_with_content_are_redacted_and_keep_their_structure() -> None:
    kept = sanitize_event(event(semconv.EVENT_INTERMEDIATE_STEP, STEP), Capture(redactor=lambda text, where: "***"))
    assert kept is not None
    tree = orjson.loads(kept.payload)
    assert tree["payload"]["UUID"] == "b7ad6b7169203331"
    assert tree["payload"]["event_type"] == "TOOL_END"
    assert tree["payload"]["data"] == {"input": "***"}
    assert SECRET not in kept.payload


def test_a_resource_alone() -> None:
    given = {
        "service.name": "a",
        "process.command_args": ("x", "--key"),
        "process.pid": 5,
        "host.name": "alices-laptop",
    }
    assert sanitize_resource(given, OFF) == {"service.name": "a", "process.pid": 5}
    assert sanitize_resource(given, Capture()) == {"service.name": "a", "process.pid": 5, "host.name": "alices-laptop"}


ANY = st.text(max_size=10)
PLANTED = st.builds(lambda a, b: a + SECRET + b, ANY, ANY)
VALUES = st.recursive(
    PLANTED | st.integers() | st.floats() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLANTED | ANY, inner, max_size=3),
    max_leaves=4,
)
KNOWN = st.sampled_from([value for key, value in vars(semconv).items() if key.isupper() and isinstance(value, str)])
ATTRIBUTES = st.dictionaries(KNOWN | PLANTED | ANY, VALUES, max_size=4)


@st.composite
def planted_spans(draw: st.DrawFn) -> SpanRecord:
    return span(
        name=draw(PLANTED),
        kind=draw(st.none() | PLANTED),
        session_key=draw(st.none() | PLANTED),
        scope="openai",
        status=2,
        status_message=draw(st.none() | PLANTED),
        attributes=draw(ATTRIBUTES),
        events=tuple(SpanEvent(draw(PLANTED), 1, draw(ATTRIBUTES)) for _ in range(draw(st.integers(0, 2)))),
        links=tuple(SpanLink("0" * 32, "0" * 16, draw(ATTRIBUTES)) for _ in range(draw(st.integers(0, 2)))),
        resource=draw(ATTRIBUTES),
    )


@given(planted_spans(), st.sampled_from([OFF, HIDING, Capture(redactor=build_redactor(["email"]))]))
def test_a_planted_secret_survives_in_no_part_of_a_span(record: SpanRecord, capture: Capture) -> None:
    kept = sanitize_span(record, capture)
    text = encode_record(kept).decode()
    assert SECRET not in text
    assert "alice@example.org" not in text or capture is HIDING
    assert sanitize_span(kept, capture) == kept


@given(st.sampled_from([name for name, _, _ in EVENTS] + [semconv.EVENT_METADATA, "other"]), VALUES, st.data())
def test_a_planted_secret_survives_in_no_event(name: str, value: Any, data: st.DataObject) -> None:
    shapes = [payload for known, payload, _ in EVENTS if known == name] or [{}]
    payload = {
        **data.draw(st.sampled_from(shapes)),
        **data.draw(st.dictionaries(KNOWN | ANY, st.just(value), max_size=3)),
    }
    for capture in (OFF, HIDING):
        kept = sanitize_event(event(name, payload), capture)
        if kept is not None:
            assert SECRET not in kept.payload
            assert sanitize_event(kept, capture) == kept


@given(st.text(max_size=60))
def test_a_payload_that_is_no_json_passes_only_with_content(text: str) -> None:
    broken = event(semconv.EVENT_GUIDANCE, {})._replace(payload="{" + text)
    assert sanitize_event(broken, OFF) is None or isinstance(orjson.loads(broken.payload), dict)
