"""What others wrote is bounded as what we capture is: it says that it was cut, and how large it was."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.capture.privacy import sanitize_event, sanitize_resource, sanitize_span
from atlas_otel.records.record import EventRecord, SpanEvent, SpanLink, SpanRecord
from tests.support.records import make_span

SMALL = Capture(Limits(max_string_bytes=200, max_value_bytes=1000))
LONG = "x" * 5000
MARK = "…[5000 bytes, cut by atlas-otel]…"


def span(**fields: Any) -> SpanRecord:
    plain = make_span(name="chat", span_kind=3, scope="other", version=2)
    return plain._replace(**fields)


def kept(value: Any, capture: Capture = SMALL) -> Any:
    return sanitize_span(span(attributes={"k": value}), capture).attributes["k"]


def test_every_place_that_takes_text_is_bounded() -> None:
    cut = sanitize_span(
        span(
            name=LONG,
            status_message=LONG,
            attributes={"k": LONG, "listed": [LONG, "short"]},
            events=(SpanEvent(LONG, 1, {"exception.stacktrace": LONG}),),
            links=(SpanLink("1" * 32, "2" * 16, {"k": LONG}),),
            resource={"k": LONG},
        ),
        SMALL,
    )
    (event,), (link,) = cut.events, cut.links
    listed = cut.attributes["listed"]
    assert isinstance(listed, list)
    texts = [cut.name, cut.status_message, cut.attributes["k"], listed[0], event.name,
             event.attributes["exception.stacktrace"], link.attributes["k"], cut.resource["k"]]  # fmt: skip
    for text in texts:
        assert isinstance(text, str)
        assert MARK in text
        assert len(text.encode()) <= 200
    assert listed[1] == "short"
    assert sanitize_resource({"k": LONG}, SMALL) == {"k": cut.resource["k"]}


def test_messages_stay_messages() -> None:
    parts = [{"type": "text", "content": LONG}, {"type": "tool_call", "name": "look", "arguments": {"at": "it"}}]
    messages = orjson.loads(kept(orjson.dumps([{"role": "user", "parts": parts}]).decode()))
    assert messages[0]["parts"][1] == parts[1]
    assert MARK in messages[0]["parts"][0]["content"]
    many = [{"role": "user", "parts": [{"type": "text", "content": str(number)}]} for number in range(500)]
    text = kept(orjson.dumps(many).decode())
    assert len(text) <= 1000
    marker, *left = orjson.loads(text)
    assert left == many[-len(left) :]  # the oldest are left out, whole
    assert marker["atlas.truncated"]["messages"] == len(many) - len(left)
    assert abs(marker["atlas.truncated"]["bytes"] + len(orjson.dumps(left)) - len(orjson.dumps(many))) <= len(many)


def test_spaces_and_escapes_of_json_count_too() -> None:
    tree = ["é" * 30] * 10
    spacious = json.dumps(tree, indent=40)
    assert len(orjson.dumps(tree)) < 1000 < len(spacious)
    assert orjson.loads(kept(spacious)) == tree
    assert len(kept(spacious).encode()) <= 1000


@pytest.mark.parametrize("text", ["{" * 5000, '{"a": ' + LONG, '"' + LONG])
def test_what_only_looks_like_json_is_cut_as_text(text: str) -> None:
    assert f"…[{len(text)} bytes, cut by atlas-otel]…" in kept(text)


def test_ours_were_bounded_where_they_were_captured_or_are_whole_on_purpose() -> None:
    ours = span(attributes={semconv.ATLAS_INPUT: LONG})
    assert sanitize_span(ours, SMALL) == ours
    event = EventRecord("1" * 32, "2" * 16, 5, None, semconv.EVENT_INTERMEDIATE_STEP, orjson.dumps(LONG).decode())
    assert sanitize_event(event, SMALL) == event


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=300), inner, max_size=8),
    max_leaves=20,
)


@given(value=VALUES | st.text(max_size=2000) | VALUES.map(lambda value: json.dumps(value)))
def test_bounding_is_idempotent_and_bounds(value: Any) -> None:
    once = kept(value)
    assert kept(once) == once
    size = len(once.encode()) if isinstance(once, str) else len(orjson.dumps(once))
    assert size <= 1000


@given(value=VALUES)
def test_what_we_captured_with_the_same_limits_is_left_alone(value: Any) -> None:
    captured = SMALL.value(value, "atlas.input")
    assert captured is not None
    assert kept(captured.json) == captured.json
