from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.capture.redaction import build_redactor
from atlas_otel.errors import RecordError
from atlas_otel.otlp.json import decode_json, decode_tree
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.otlp.spans import Decoded
from atlas_otel.otlp.utf8 import in_utf8
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

CAPTURE = Capture()
T = 1_700_000_000_000_000_000
MAX = 2**63 - 1

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
keys = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda key: not key.startswith(("atlas.", "process.command"))
)
int64 = st.integers(-(2**63), MAX)
scalars = st.one_of(text, st.booleans(), int64, st.floats(allow_nan=False, allow_infinity=False))
lists = st.one_of(
    st.lists(text, max_size=3), st.lists(st.booleans(), max_size=3), st.lists(int64, max_size=3).filter(bool)
)
attributes = st.dictionaries(keys, scalars | lists, max_size=5)
trace_ids = st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}")
span_ids = st.integers(1, 2**64 - 1).map(lambda n: f"{n:016x}")
moments = st.integers(1, MAX)


@st.composite
def span_records(draw: st.DrawFn) -> SpanRecord:
    start = draw(moments)
    status = draw(st.sampled_from([0, 1, 2]))
    return SpanRecord(
        trace_id=draw(trace_ids),
        span_id=draw(span_ids),
        parent_span_id=draw(st.none() | span_ids),
        session_key=None,
        name=draw(text),
        kind=None,
        span_kind=draw(st.integers(0, 4)),
        start_ns=start,
        end_ns=(end := draw(st.integers(start, MAX))),
        status=status,
        status_message=draw(text.filter(bool)) if status == 2 else None,
        attributes=draw(attributes),
        events=tuple(draw(st.lists(st.builds(SpanEvent, text, moments, attributes), max_size=2))),
        links=tuple(draw(st.lists(st.builds(SpanLink, trace_ids, span_ids, attributes), max_size=2))),
        scope=draw(text),
        resource=draw(attributes),
        rank=RANK_ENDED_OTLP,
        version=end,
    )


def plain(record: SpanRecord) -> Any:
    """A record as it is stored and read back: sequences as lists."""
    return json.loads(encode_record(record))


@settings(max_examples=150, deadline=None)
@given(span_records())
def test_what_the_sdk_encodes_comes_back(wire: Any, record: SpanRecord) -> None:
    (decoded,) = decode_protobuf(wire.protobuf([wire.sdk_span(record)]), CAPTURE).records
    assert plain(decoded) == plain(record)


@settings(max_examples=150, deadline=None)
@given(st.lists(span_records(), max_size=4), st.booleans())
def test_json_says_the_same_as_protobuf(wire: Any, records: list[SpanRecord], enums_as_numbers: bool) -> None:
    spans = [wire.sdk_span(record) for record in records]
    body = orjson.dumps(wire.json(spans, enums_as_numbers=enums_as_numbers))
    one, other = decode_json(body, CAPTURE), decode_protobuf(wire.protobuf(spans), CAPTURE)
    assert list(map(plain, one.records)) == list(map(plain, other.records))
    assert one.spans == other.spans == len(records)
    assert not one.refused


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_json_makes_the_decoder_raise_anything_else(wire: Any, data: st.DataObject) -> None:
    tree = wire.json([wire.sdk_span(data.draw(span_records()))])
    span = tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
        max_leaves=4,
    )
    for _ in range(data.draw(st.integers(1, 3))):
        span[data.draw(st.sampled_from([*span, "events", "links", "attributes", "status"]))] = data.draw(junk)
    if data.draw(st.booleans()):
        typed = data.draw(st.sampled_from(["intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"]))
        span["attributes"] = [{"key": "k", "value": {typed: data.draw(junk)}}]
    decoded = decode_tree(tree, CAPTURE)
    assert decoded.spans + decoded.refused == 1
    for record in decoded.records:
        assert decode_record(encode_record(record)).trace_id == record.trace_id


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_make_the_decoder_raise_anything_else(body: bytes) -> None:
    for decode in (decode_protobuf, decode_json):
        try:
            assert isinstance(decode(body, CAPTURE), Decoded)
        except RecordError as error:
            assert "body" in str(error) or "JSON" in str(error)


any_values = st.recursive(
    st.one_of(
        st.builds(AnyValue),
        st.builds(AnyValue, string_value=st.text(st.characters(exclude_categories=["Cs"]), max_size=300)),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=int64),
        st.builds(AnyValue, double_value=st.floats()),
        st.builds(AnyValue, bytes_value=st.text(max_size=9).map(lambda text: text.encode(errors="replace"))),
    ),
    lambda inner: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3)))
        | st.builds(
            AnyValue,
            kvlist_value=st.builds(
                KeyValueList, values=st.lists(st.builds(KeyValue, key=keys, value=inner), max_size=3)
            ),
        )
    ),
    max_leaves=4,
)
pairs = st.lists(
    st.builds(KeyValue, key=keys | st.sampled_from(["k\0", "é" * 90, semconv.ATLAS_EVENTS]), value=any_values),
    max_size=4,
    unique_by=lambda pair: pair.key,
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
otlp_spans = st.builds(
    Span,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    name=names,
    start_time_unix_nano=moments,
    attributes=pairs,
    events=st.lists(st.builds(Span.Event, name=names, time_unix_nano=moments, attributes=pairs), max_size=2),
    links=st.lists(st.builds(Span.Link, trace_id=st.just(b"t" * 16), span_id=st.just(b"s" * 8), attributes=pairs)),
    status=st.builds(Status, message=names),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(otlp_spans, min_size=1, max_size=3), names)
def test_what_is_looked_at_one_by_one_is_as_if_all_went_through_the_gate(spans: list[Span], scope: str) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add(scope={"name": scope}, spans=spans)
    body = request.SerializeToString()
    limits = Limits(max_string_bytes=200, max_value_bytes=400)
    # A redactor makes every span take the long way.
    one, other = (decode_protobuf(body, capture) for capture in (Capture(limits), Capture(limits, redactor=same)))
    assert list(map(plain, one.records)) == list(map(plain, other.records))
    assert one[1:] == other[1:]


def same(text: str, where: str) -> str:
    return text


# --- one span ---------------------------------------------------------------------------------------------------


def one(**changes: Any) -> dict[str, Any]:
    span = {
        "traceId": "0AF7651916CD43DD8448EB211C80319C",
        "spanId": "b7ad6b7169203331",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(T),
        "endTimeUnixNano": T + 5,
        **changes,
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span, _GOOD]}]}]}


_GOOD = {"traceId": "1" * 32, "spanId": "2" * 16, "startTimeUnixNano": T, "endTimeUnixNano": T, "parentSpanId": ""}


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"attributes": [{"key": key, "value": value}]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"traceId": "0" * 32}, "trace id"),
        ({"traceId": "ab"}, "trace id"),
        ({"traceId": None}, "trace id"),
        ({"traceId": "x" * 32}, "trace id"),
        ({"traceId": "１" * 32}, "trace id"),
        ({"spanId": "0" * 16}, "span id"),
        ({"spanId": "2" * 15}, "span id"),
        ({"spanId": "2" * 16 + "\n"}, "span id"),
        ({"parentSpanId": "abc"}, "parent"),
        ({"parentSpanId": "x" * 16}, "parent"),
        ({"startTimeUnixNano": "-1"}, "start time"),
        ({"startTimeUnixNano": None}, "start time"),
        ({"startTimeUnixNano": str(2**64 - 1)}, "start time"),
        ({"endTimeUnixNano": 2**63}, "end time"),
        ({"endTimeUnixNano": "soon"}, "whole number"),
        ({"events": [{"timeUnixNano": -5}]}, "event"),
    ],
)
def test_what_is_no_span_is_refused_and_the_rest_goes_on(changes: dict[str, Any], reason: str) -> None:
    decoded = decode_tree(one(**changes), CAPTURE)

    assert (decoded.spans, decoded.refused) == (1, 1)
    assert reason in decoded.message
    assert decoded.records[0].trace_id == "1" * 32


def test_zero_ids_and_times_are_refused_in_protobuf_too() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=bytes(16), span_id=b"12345678", start_time_unix_nano=T)
    spans.add(trace_id=b"x" * 16, span_id=b"123", start_time_unix_nano=T)
    spans.add(trace_id=b"x" * 16, span_id=b"12345678", start_time_unix_nano=2**64 - 1)
    spans.add(trace_id=b"x" * 16, span_id=b"12345678")
    spans.add(trace_id=b"x" * 16, span_id=b"12345678", start_time_unix_nano=T, kind=99)

    decoded = decode_protobuf(request.SerializeToString(), CAPTURE)

    assert (decoded.spans, decoded.refused) == (1, 4)
    assert len(decoded.reasons) == 3
    assert decoded.records[0].span_kind == 0
    assert decoded.records[0].end_ns == T


def span_of(tree: dict[str, Any], capture: Capture = CAPTURE) -> SpanRecord:
    record = decode_tree(tree, capture).records[0]
    assert isinstance(record, SpanRecord)
    return record


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "a\0b"}, "a\ufffdb"),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 7}, 7),
        ({"intValue": "18446744073709551615"}, "18446744073709551615"),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "-Infinity"}, "-Infinity"),
        ({"doubleValue": 1}, 1.0),
        ({"boolValue": False}, False),
        ({"bytesValue": "aGk="}, {"type": "bytes", "size": 2, "text": "hi"}),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "2"}, {}]}}, ["a", 2, None]),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}}, {"k": True}),
        ({}, None),
        (None, None),
    ],
)
def test_values_of_every_type(value: Any, expected: object) -> None:
    assert span_of(one(attributes=[{"key": "k", "value": value}])).attributes == {"k": expected}


def test_lone_surrogates_as_javascript_writes_them() -> None:
    body = json.dumps(one(name="a\ud800", **attribute("k\udfff", stringValue="\ud800")))
    record = decode_json(body, CAPTURE).records[0]
    assert isinstance(record, SpanRecord)
    assert (record.name, record.attributes) == ("a\ufffd", {"k\ufffd": "\ufffd"})


def test_a_string_that_is_not_utf_8_costs_none_of_the_others() -> None:
    """As C++ and PHP write them, and Collectors hand them on with what others sent."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name", value=AnyValue(string_value="BAD"))
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = "BAD"
    span = of_scope.spans.add(trace_id=b"x" * 16, span_id=b"\xff" * 8, start_time_unix_nano=T, name="BAD")
    span.trace_state = span.status.message = "BAD"
    values = [
        AnyValue(string_value="BAD"),
        AnyValue(string_value=""),
        AnyValue(bytes_value=b"\xff"),
        AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="BAD"), AnyValue(int_value=1)])),
        AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="BAD", value=AnyValue(string_value="é"))])),
    ]
    span.attributes.extend(KeyValue(key=f"BAD{place}", value=value) for place, value in enumerate(values))
    span.events.add(name="BAD", time_unix_nano=T).attributes.add(key="BAD", value=AnyValue(bool_value=True))
    span.links.add(trace_id=b"x" * 16, span_id=b"y" * 8).attributes.add(key="BAD", value=AnyValue(bool_value=True))
    of_scope.spans.add(trace_id=b"x" * 16, span_id=b"z" * 8, start_time_unix_nano=T, name="good")
    whole = request.SerializeToString()

    decoded = decode_protobuf(whole.replace(b"BAD", b"B\xffD"), CAPTURE)

    assert not decoded.refused
    first, second = decoded.records
    assert isinstance(first, SpanRecord)
    said = "B\ufffdD"
    assert (first.span_id, first.name, first.scope, first.status_message) == ("ff" * 8, said, said, said)
    assert first.resource == {"service.name": said}
    assert first.attributes == {
        f"{said}0": said,
        f"{said}1": "",
        f"{said}2": {"type": "bytes", "size": 1, "base64": "/w=="},
        f"{said}3": [said, 1],
        f"{said}4": {said: "é"},
    }
    assert first.events == (SpanEvent(said, T, {said: True}),)
    assert [link.attributes for link in first.links] == [{said: True}]
    assert isinstance(second, SpanRecord)
    assert (second.name, second.span_id) == ("good", b"z".hex() * 8)


@settings(max_examples=100, deadline=None)
@given(st.lists(span_records(), min_size=1, max_size=3))
def test_what_is_utf_8_passes_the_way_for_what_is_not_unchanged(wire: Any, records: list[SpanRecord]) -> None:
    body = wire.protobuf([wire.sdk_span(record) for record in records])
    same = in_utf8(body, trace_pb2, "TracesData")
    assert decode_protobuf(same, CAPTURE) == decode_protobuf(body, CAPTURE)


def test_json_that_is_not_utf_8_and_json_that_says_null() -> None:
    body = json.dumps(one(name="BAD")).encode().replace(b"BAD", b"B\xffD")
    assert decode_json(body, CAPTURE).records[0].name == "B\ufffdD"  # type: ignore[union-attr]
    assert decode_json(b'{"resourceSpans": null}', CAPTURE) == decode_json(b"{}", CAPTURE)


def test_nesting_without_end_is_refused_or_marked() -> None:
    value: Any = {"stringValue": "deep"}
    for _ in range(5_000):
        value = {"arrayValue": {"values": [value]}}
    decoded = decode_tree(one(attributes=[{"key": "k", "value": value}]), CAPTURE)
    assert (decoded.spans, decoded.refused) == (1, 1)
    with pytest.raises(RecordError, match="not JSON"):
        decode_json(b'{"resourceSpans":' * 200_000, CAPTURE)


def test_counts_of_what_was_dropped_are_kept() -> None:
    links = [{"traceId": "1" * 32, "spanId": "2" * 16}, {"traceId": "bad", "spanId": "2" * 16}]
    record = span_of(
        one(droppedAttributesCount=3, droppedEventsCount=2**32 - 1, droppedLinksCount=4, links=links, events=[{}])
    )
    assert record[-3:] == (3, 2**31 - 1, 5)
    assert record.links == (SpanLink("1" * 32, "2" * 16, {}),)
    assert record.events == (SpanEvent("", T, {}),)


def test_an_upper_case_id_is_the_same_id() -> None:
    assert span_of(one()).trace_id == "0af7651916cd43dd8448eb211c80319c"


def test_the_names_of_before_otlp_1_0_are_read() -> None:
    tree = one()
    tree["resourceSpans"][0]["instrumentationLibrarySpans"] = tree["resourceSpans"][0].pop("scopeSpans")
    tree["resourceSpans"][0]["instrumentationLibrarySpans"][0]["instrumentationLibrary"] = {"name": "old"}
    assert span_of(tree).scope == "old"


# --- our own attributes -----------------------------------------------------------------------------------------


def test_session_and_kind_are_read_and_packed_events_come_out() -> None:
    tree = one(parentSpanId="0" * 16)
    ids = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    packed = [
        EventRecord(*ids, T + 1, "key-1", semconv.EVENT_VALIDATION, '{"valid":true}'),
        EventRecord(*ids, T + 2, "key-1", semconv.EVENT_GUIDANCE, '{"note":"more"}'),
    ]
    span = tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"] = [
        {"key": semconv.ATLAS_SESSION_ID, "value": {"stringValue": "key-1"}},
        {"key": semconv.ATLAS_KIND, "value": {"stringValue": "step"}},
        {"key": semconv.ATLAS_EVENTS, "value": {"stringValue": pack_events(packed)}},
    ]
    span["events"] = [
        {"name": semconv.EVENT_VALIDATION, "timeUnixNano": T + 1},
        {"name": semconv.EVENT_REWARD, "timeUnixNano": T + 3},
        {"name": "other", "timeUnixNano": T + 2},
    ]
    record, *events = decode_tree(tree, CAPTURE).records[:3]
    assert isinstance(record, SpanRecord)
    assert (record.session_key, record.kind, record.parent_span_id) == ("key-1", "step", None)
    assert semconv.ATLAS_EVENTS not in record.attributes
    assert [(event.name, event.time_ns) for event in record.events] == [(semconv.EVENT_REWARD, T + 3), ("other", T + 2)]
    assert events == packed


@pytest.mark.parametrize("cut", ["[[1,", '[["x","n",{}]]', '[[-5,"n",{}]]', "7", f'[[{2**64},"n",{{}}]]'])
def test_packed_events_that_somebody_cut_stay_as_they_are(cut: str) -> None:
    decoded = decode_tree(one(**attribute(semconv.ATLAS_EVENTS, stringValue=cut)), CAPTURE)
    span, _ = decoded.records
    assert isinstance(span, SpanRecord)
    assert span.attributes == {semconv.ATLAS_EVENTS: cut}


def test_what_the_receiver_may_not_keep_does_not_come_in() -> None:
    tree = one(**attribute("k", stringValue="mail me at jane@example.com"))
    ids = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    event = EventRecord(*ids, T, None, semconv.EVENT_GUIDANCE, '{"note":"ask jane@example.com"}')
    span = tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"].append({"key": semconv.ATLAS_EVENTS, "value": {"stringValue": pack_events([event])}})
    resource = {"attributes": [{"key": "process.command_line", "value": {"stringValue": "agent --key=1"}}]}
    tree["resourceSpans"][0]["resource"] = resource

    redacted = decode_tree(copy.deepcopy(tree), Capture(redactor=build_redactor(["email"])))
    nothing = decode_tree(tree, Capture(content=False))

    for decoded in (redacted, nothing):
        kept = b"".join(map(encode_record, decoded.records)).decode()
        assert len(decoded.records) == 3
        assert "jane@" not in kept
        assert "--key" not in kept
