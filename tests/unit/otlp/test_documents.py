"""Traces in the JSON that other programs export, each in a small shape of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.errors import RecordError
from atlas_otel.otlp.documents import decode_document
from atlas_otel.otlp.plain import any_id, time_ns
from atlas_otel.otlp.spans import NotASpan
from atlas_otel.records.record import RANK_ENDED_OTLP, EventRecord, SpanRecord
from atlas_otel.sdk.readable import record_of

CAPTURE = Capture(Limits())
TRACE, SPAN, CHILD = "1" * 32, "2" * 16, "3" * 16
START = "2026-01-01T00:00:00.5+00:00"
START_NS = 1_767_225_600_500_000_000
SPANS = [{"traceId": TRACE, "spanId": SPAN, "name": "s", "startTimeUnixNano": "7", "endTimeUnixNano": "9"}]


def spans_of(document: object) -> list[SpanRecord]:
    return [one for one in decode_document(document, CAPTURE).records if isinstance(one, SpanRecord)]


def test_a_bare_resource_spans_and_logs_beside_spans() -> None:
    bare = {"resource": {}, "scopeSpans": [{"scope": {"name": "x"}, "spans": SPANS}]}
    (span,) = spans_of(bare)
    assert (span.span_id, span.scope, span.start_ns) == (SPAN, "x", 7)
    log = {
        "timeUnixNano": "8",
        "eventName": "gen_ai.user.message",
        "traceId": TRACE,
        "spanId": SPAN,
        "body": {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "hi"}}]}},
    }
    logs = {"resource": {}, "scopeLogs": [{"logRecords": [log]}]}
    for document in (logs, {"resourceLogs": [logs]}, {"resourceSpans": [bare], "resourceLogs": [logs]}):
        (event,) = [one for one in decode_document(document, CAPTURE).records if isinstance(one, EventRecord)]
        assert json.loads(event.payload) == {"content": "hi"}
    assert len(decode_document([bare, {"resourceLogs": [logs]}], CAPTURE).records) == 2


def test_what_the_console_exporter_prints_is_what_the_sdk_had() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "svc"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("scope")
    with tracer.start_as_current_span("outer", kind=SpanKind.CLIENT) as outer:
        link = Link(outer.get_span_context(), {"a": 1})
        with tracer.start_as_current_span("inner", links=[link]) as inner:
            inner.set_attributes({"text": "é", "number": 1.5, "flag": True, "list": ["a", "b"]})
            inner.add_event("happened", {"k": "v"})
            inner.set_status(Status(StatusCode.ERROR, "why"))
    for span in exporter.get_finished_spans():
        (read,) = spans_of(json.loads(span.to_json()))
        want = record_of(span, rank=RANK_ENDED_OTLP, version=read.version)
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in want.attributes.items()}
        # It prints microseconds, rounded as a float is.
        near = {"start_ns": read.start_ns, "end_ns": read.end_ns}
        assert abs(read.start_ns - want.start_ns) <= 1000
        assert abs((read.end_ns or 0) - (want.end_ns or 0)) <= 1000
        events = tuple(one._replace(time_ns=seen.time_ns) for one, seen in zip(want.events, read.events, strict=True))
        assert read == want._replace(scope="", events=events, attributes=lists, **near)


def phoenix(**changes: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "name": "LLM",
        "span_kind": "LLM",
        "parent_id": None,
        "start_time": START,
        "end_time": "2026-01-01T00:00:01Z",
        "status_code": "ERROR",
        "status_message": "why",
        "context": {"trace_id": TRACE, "span_id": SPAN},
        "attributes": {"llm.model_name": "m"},
        "events": [{"name": "exception", "timestamp": START, "attributes": {"exception.type": "E"}}],
    } | changes


def test_phoenix_flat_nested_and_as_a_table() -> None:
    (flat,) = spans_of([phoenix()])
    assert (flat.start_ns, flat.status, flat.status_message) == (START_NS, 2, "why")
    assert flat.attributes == {"llm.model_name": "m", semconv.OPENINFERENCE_KIND: "LLM"}
    assert flat.events[0].attributes == {"exception.type": "E"}
    message = {"message": {"role": "user", "content": "hi"}}
    nested = {
        "llm": {"model_name": "m", "input_messages": [message]},
        "metadata": {"a": {"b": 1}},
        "tag": {"tags": ["x"]},
    }
    (found,) = spans_of({"data": [phoenix(attributes=nested)], "next_cursor": None})
    assert found.attributes == {
        "llm.model_name": "m",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "hi",
        "metadata": '{"a":{"b":1}}',
        "tag.tags": ["x"],
        semconv.OPENINFERENCE_KIND: "LLM",
    }
    row = phoenix(start_time=START_NS // 1_000_000, **{"attributes.llm.model_name": "m", "attributes.x": float("nan")})
    row |= {"context.trace_id": TRACE, "context.span_id": SPAN}
    for key in ("context", "attributes", "events"):
        del row[key]
    (read,) = spans_of([row])
    assert (read.key, read.start_ns, read.attributes["llm.model_name"]) == ((TRACE, SPAN), START_NS, "m")
    assert "x" not in read.attributes


def mlflow_span(**changes: Any) -> dict[str, Any]:
    return {
        "trace_id": base64.b64encode(bytes.fromhex(TRACE)).decode(),
        "span_id": "IiIiIiIiIiI=",
        "parent_span_id": None,
        "name": "agent",
        "start_time_unix_nano": 7,
        "end_time_unix_nano": 9,
        "events": [{"name": "e", "time_unix_nano": 8, "attributes": {}}],
        "status": {"code": "STATUS_CODE_ERROR", "message": "why"},
        "attributes": {"mlflow.spanType": '"AGENT"', "mlflow.spanInputs": '{"q": "hi"}'},
    } | changes


def test_mlflow_with_ids_in_base64_in_hex_and_in_a_context() -> None:
    info = {
        "trace_metadata": {"mlflow.trace.session": "c-1"},
        "assessments": [
            {"assessment_name": "good", "feedback": {"value": True}, "rationale": "because"},
            {"assessment_name": "tool", "feedback": {"value": 0.5}, "span_id": "0x" + CHILD},
            {"assessment_name": "truth", "expectation": {"value": 1}},
        ],
    }
    child = mlflow_span(span_id="MzMzMzMzMzM=", parent_span_id="IiIiIiIiIiI=", name="tool")
    root, inner = spans_of({"info": info, "data": {"spans": [mlflow_span(), child]}})
    assert (root.key, root.status, root.status_message, root.start_ns) == ((TRACE, SPAN), 2, "why", 7)
    assert (inner.span_id, inner.parent_span_id) == (CHILD, SPAN)
    assert root.attributes["mlflow.trace.session"] == "c-1"
    judged = [event.attributes for event in root.events if event.name == semconv.EVENT_REWARD]
    assert [(one[semconv.GEN_AI_EVALUATION_NAME], one[semconv.GEN_AI_EVALUATION_SCORE]) for one in judged] == [
        ("good", 1)
    ]
    assert [event.name for event in inner.events] == ["e", semconv.EVENT_REWARD]
    older = mlflow_span(context={"trace_id": f"0x{TRACE}", "span_id": f"0x{SPAN}"}, parent_id=None, status_code="OK")
    for name in ("trace_id", "span_id", "parent_span_id", "status"):
        del older[name]
    hexed = mlflow_span(trace_id=f"tr-{TRACE}", span_id=SPAN, status={"code": "OK"})
    for one in (older, hexed):
        (read,) = spans_of([{"info": {}, "data": {"spans": [one]}}])
        assert (read.key, read.parent_span_id, read.status) == ((TRACE, SPAN), None, 1)


def observation(**changes: Any) -> dict[str, Any]:
    return {
        "id": SPAN,
        "traceId": TRACE,
        "type": "AGENT",
        "name": "run",
        "startTime": START,
        "endTime": "2026-01-01T00:00:02Z",
        "input": {"q": "hi"},
        "output": "hello",
        "level": "DEFAULT",
        "parentObservationId": None,
    } | changes


def test_langfuse_a_trace_of_one_agent() -> None:
    call = observation(id=CHILD, parentObservationId=SPAN, type="GENERATION", model="m", usageDetails={"input": 1})
    scores = [{"name": "q", "value": 0.5, "comment": "fair"}, {"name": "tone", "value": 1, "observationId": CHILD}]
    trace = {"id": TRACE, "name": "t", "sessionId": "s-1", "userId": "u", "tags": ["a"], "scores": scores}
    beside, within = (
        {"trace": trace, "observations": [observation(), call]},
        {**trace, "observations": [observation(), call]},
    )
    for document in (beside, within, [beside], {"data": [within], "meta": {}}):
        root, inner = spans_of(document)
        assert (root.key, root.name, root.start_ns) == ((TRACE, SPAN), "run", START_NS)
        assert root.attributes[semconv.LANGFUSE_TYPE] == "agent"
        assert root.attributes[semconv.LANGFUSE_SESSION_ID] == "s-1"
        assert root.attributes[semconv.LANGFUSE_INPUT] == '{"q":"hi"}'
        assert root.events[0].attributes[semconv.GEN_AI_EVALUATION_EXPLANATION] == "fair"
        assert inner.attributes[semconv.LANGFUSE_USAGE] == '{"input":1}'
        assert [event.attributes[semconv.GEN_AI_EVALUATION_NAME] for event in inner.events] == ["tone"]


def test_langfuse_a_trace_around_a_lone_call_and_ids_of_older_kinds() -> None:
    trace = {"id": "trace one", "name": "t", "input": "Hi", "scores": [{"name": "q", "value": 1}]}
    call = observation(id="b2c5b0c1-7e2e-4a4a-9e64-3f3b6a9d1c11", traceId="trace one", type="GENERATION")
    around, inner = spans_of({"trace": trace, "observations": [call]})
    assert (around.name, around.parent_span_id, inner.parent_span_id) == ("t", None, around.span_id)
    assert [event.name for event in around.events] == [semconv.EVENT_REWARD]
    assert inner.events == ()
    assert around.trace_id == inner.trace_id == any_id("trace one", 32)
    (loose,) = spans_of([observation(level="ERROR", statusMessage="why")])
    assert (loose.parent_span_id, loose.status, loose.status_message) == (None, 2, "why")
    (timeless,) = spans_of([observation(startTime=None, endTime=None)])
    assert timeless.start_ns == timeless.end_ns == 1


@pytest.mark.parametrize("document", [7, "x", None, {"unknown": 1}, [{"unknown": 1}], [1], {"data": {}}, {"trace": {}}])
def test_anything_else_is_refused(document: object) -> None:
    with pytest.raises(RecordError):
        decode_document(document, CAPTURE)


BROKEN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.none(), max_size=2)


@given(st.data())
def test_whatever_stands_in_a_field_it_is_a_span_or_refused(data: st.DataObject) -> None:
    make = data.draw(st.sampled_from([phoenix, mlflow_span, observation]))
    one = make()
    for key in data.draw(st.lists(st.sampled_from(sorted(one)), max_size=3)):
        one[key] = data.draw(BROKEN)
    document = {"info": {}, "data": {"spans": [one]}} if make is mlflow_span else [one]
    try:
        decoded = decode_document(document, CAPTURE)
    except RecordError:
        return
    assert decoded.spans + decoded.refused <= 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 0),
        ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123_456_789),
        ("2026-01-01 00:00:00", 1_767_225_600_000_000_000),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600_000_000_000),
        (1_767_225_600, 1_767_225_600_000_000_000),
        (1_767_225_600_123, 1_767_225_600_123_000_000),
        ("1767225600123456", 1_767_225_600_123_456_000),
        (1_767_225_600_123_456_789, 1_767_225_600_123_456_789),
        (7, 7),
    ],
)
def test_times(value: object, expected: int) -> None:
    assert time_ns(value) == expected


@pytest.mark.parametrize("value", ["yesterday", True, [], float("inf")])
def test_what_is_no_time_is_no_span(value: object) -> None:
    with pytest.raises(NotASpan):
        time_ns(value)
