from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.errors import RecordError
from atlas_otel.otlp.documents import decode_document
from atlas_otel.records.packing import pack_events
from atlas_otel.records.record import (
    RANK_ENDED_OTLP,
    EventRecord,
    SpanEvent,
    SpanLink,
    SpanRecord,
    decode_record,
    encode_record,
)
from tests.support.records import make_span

CAPTURE = Capture()
MICRO = 1_000
T_US = 1_700_000_000_000_000
TRACE = "0" * 16 + "af7651916cd43dd8"


def jaeger_span(**changes: Any) -> dict[str, Any]:
    return {
        "traceID": "af7651916cd43dd8",
        "spanID": "b7ad6b7169203331",
        "operationName": "chat gpt",
        "references": [
            {"refType": "CHILD_OF", "traceID": "af7651916cd43dd8", "spanID": "7ad6b7169203331"},
            {"refType": "FOLLOWS_FROM", "traceID": "1" * 32, "spanID": "2" * 16},
        ],
        "startTime": T_US,
        "duration": 1500,
        "tags": [
            {"key": "span.kind", "type": "string", "value": "client"},
            {"key": "otel.scope.name", "type": "string", "value": "openai"},
            {"key": "otel.status_code", "type": "string", "value": "ERROR"},
            {"key": "otel.status_description", "type": "string", "value": "no quota"},
            {"key": "error", "type": "bool", "value": True},
            {"key": "gen_ai.usage.input_tokens", "type": "int64", "value": "12"},
            {"key": "temperature", "type": "float64", "value": 0.5},
            {"key": "raw", "type": "binary", "value": "aGk="},
        ],
        "logs": [
            {
                "timestamp": T_US + 7,
                "fields": [
                    {"key": "event", "type": "string", "value": "exception"},
                    {"key": "exception.type", "type": "string", "value": "Quota"},
                ],
            }
        ],
        "processID": "p1",
        "warnings": None,
        **changes,
    }


def download(*spans: dict[str, Any]) -> dict[str, Any]:
    tags = [{"key": "host.name", "type": "string", "value": "h"}]
    processes = {"p1": {"serviceName": "agent", "tags": tags}}
    return {"data": [{"traceID": "af7651916cd43dd8", "spans": list(spans), "processes": processes}], "total": 0}


EXPECTED = make_span(
    trace_id=TRACE,
    span_id="b7ad6b7169203331",
    parent_span_id="07ad6b7169203331",
    name="chat gpt",
    span_kind=2,
    start_ns=T_US * MICRO,
    end_ns=(T_US + 1500) * MICRO,
    status=2,
    status_message="no quota",
    attributes={
        "gen_ai.usage.input_tokens": 12,
        "temperature": 0.5,
        "raw": {"type": "bytes", "size": 2, "text": "hi"},
    },
    events=(SpanEvent("exception", (T_US + 7) * MICRO, {"exception.type": "Quota"}),),
    links=(SpanLink("1" * 32, "2" * 16, {}),),
    scope="openai",
    resource={"host.name": "h", "service.name": "agent"},
    rank=RANK_ENDED_OTLP,
    version=(T_US + 1500) * MICRO,
)


def test_what_jaegers_page_downloads() -> None:
    decoded = decode_document(download(jaeger_span()), CAPTURE)
    assert decoded.records == [EXPECTED]
    assert decode_document(download(jaeger_span())["data"][0], CAPTURE).records == [EXPECTED]


def test_an_event_that_came_packed_too_is_one_though_its_time_is_cut() -> None:
    reward = EventRecord(TRACE, "b7ad6b7169203331", (T_US + 7) * MICRO + 123, None, semconv.EVENT_REWARD, '{"score":1}')
    fields = [{"key": "event", "type": "string", "value": semconv.EVENT_REWARD}]
    span, event = decode_document(
        download(
            jaeger_span(
                tags=[{"key": semconv.ATLAS_EVENTS, "type": "string", "value": pack_events([reward])}],
                logs=[{"timestamp": T_US + 7, "fields": fields}, {"timestamp": T_US + 8, "fields": fields}],
            )
        ),
        CAPTURE,
    ).records
    assert isinstance(span, SpanRecord)
    assert [one.time_ns for one in span.events] == [(T_US + 8) * MICRO]
    assert isinstance(event, EventRecord)
    assert (event.key, event.name) == (reward.key, reward.name)
    assert json.loads(event.payload) == {"claimed": True, "score": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"traceID": ""},
        {"spanID": "xyz"},
        {"references": [{"refType": "CHILD_OF", "traceID": "af7651916cd43dd8", "spanID": "x" * 16}]},
        {"startTime": None},
        {"startTime": -5},
        {"startTime": 2**60},
        {"duration": "long"},
        {"tags": [{"key": "n", "type": "float64", "value": "much"}]},
        {"tags": [{"key": "n", "type": "binary", "value": "a"}]},
    ],
)
def test_what_is_no_span_is_refused(changes: dict[str, Any]) -> None:
    decoded = decode_document(download(jaeger_span(**changes), jaeger_span()), CAPTURE)
    assert (decoded.spans, decoded.refused) == (1, 1)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_document_makes_it_raise_anything_else(data: st.DataObject) -> None:
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
        max_leaves=4,
    )
    span = jaeger_span()
    for _ in range(3):
        span[data.draw(st.sampled_from(list(span)))] = data.draw(junk)
    document = data.draw(st.sampled_from([download(span), {"spans": [span]}, {"result": download(span)}, span]))
    try:
        decoded = decode_document(document, CAPTURE)
    except RecordError:
        return
    for record in decoded.records:
        assert decode_record(encode_record(record)).trace_id == record.trace_id


def test_other_documents() -> None:
    assert decode_document({"resourceLogs": [{}]}, CAPTURE).records == []
    assert decode_document({"result": {"resourceSpans": []}}, CAPTURE).records == []
    assert decode_document([], CAPTURE).records == []
    for other in ([{"unknown": 1}], 7, {"unknown": 1}, None):
        with pytest.raises(RecordError, match="neither OTLP nor"):
            decode_document(other, CAPTURE)
