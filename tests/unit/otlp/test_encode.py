"""What is written as OTLP/JSON is what was recorded, for our reader and for OpenTelemetry's own."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import Parse
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atlas_otel.capture.capture import Capture, Limits
from atlas_otel.otlp import encode
from atlas_otel.otlp.claims import Sender
from atlas_otel.otlp.encode import otlp_lines
from atlas_otel.otlp.json import decode_json
from atlas_otel.records.record import (
    RANK_ENDED_OTLP,
    RANK_OPEN,
    EventRecord,
    RecordSet,
    SpanEvent,
    SpanLink,
    encode_record,
)
from tests.support.records import make_span

CAPTURE = Capture(Limits())
GOVERNOR = Sender("us", governs=True)
T = 1_790_000_000_000_000_000

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
names = text.filter(lambda name: name and not name.startswith(("atlas.", "process.command")))
scalars = st.one_of(
    text, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
values = st.one_of(scalars, st.lists(text, min_size=1, max_size=3), st.lists(st.booleans(), min_size=1, max_size=3))
attributes = st.dictionaries(names, values, max_size=4)


@st.composite
def recorded(draw: st.DrawFn) -> RecordSet:
    records = RecordSet()
    for number in range(1, draw(st.integers(1, 6))):
        start = draw(st.integers(T, T + 100))
        span = make_span(
            trace_id=f"{draw(st.integers(1, 2)):032x}",
            span_id=f"{number:016x}",
            parent_span_id=draw(st.none() | st.just("f" * 16)),
            name=draw(text),
            span_kind=draw(st.integers(0, 4)),
            start_ns=start,
            end_ns=start + 5,
            status=draw(st.integers(0, 2)),
            status_message=draw(st.none() | text.filter(bool)),
            attributes=draw(attributes),
            events=tuple(draw(st.lists(st.builds(SpanEvent, text, st.just(start), attributes), max_size=2))),
            links=tuple(
                draw(st.lists(st.builds(SpanLink, st.just("a" * 32), st.just("b" * 16), attributes), max_size=2))
            ),
            scope=draw(st.sampled_from(["x", "y"])),
            resource=draw(attributes),
            rank=RANK_ENDED_OTLP,
            version=start + 5,
            dropped_attributes=draw(st.integers(0, 2)),
        )
        records.add(span)
        for sequence in draw(st.sets(st.integers(start + 6, start + 20), max_size=3)):
            payload = json.dumps({"name": draw(text), "n": draw(st.integers(0, 9))}, ensure_ascii=False)
            records.add(
                EventRecord(*span.key, sequence, None, "atlas.reward", orjson.dumps(orjson.loads(payload)).decode())
            )
    return records


def plain(records: RecordSet) -> list[Any]:
    return sorted((orjson.loads(encode_record(record)) for record in records), key=repr)


@settings(max_examples=100, deadline=None)
@given(recorded())
def test_what_was_recorded_comes_back(records: RecordSet) -> None:
    lines = list(otlp_lines(records))
    assert plain(RecordSet(r for line in lines for r in decode_json(line, CAPTURE, GOVERNOR).records)) == _sent(records)
    for line in lines:
        assert Parse(line, ExportTraceServiceRequest()).resource_spans, "OpenTelemetry's own reader takes it"


def _sent(records: RecordSet) -> list[Any]:
    named = [record._replace(resource={**record.resource, "atlas.sender": "us"}) for record in records.spans.values()]
    return plain(RecordSet([*named, *records.events.values()]))


def test_a_span_that_still_runs_has_no_form_in_otlp() -> None:
    running = make_span(span_id="3" * 16, end_ns=None, rank=RANK_OPEN)
    (line,) = otlp_lines(RecordSet([make_span(start_ns=T), running]))
    (scope,) = orjson.loads(line)["resourceSpans"][0]["scopeSpans"]
    assert [span["spanId"] for span in scope["spans"]] == ["2" * 16]
    assert list(otlp_lines(RecordSet([running]))) == []


def test_a_large_session_takes_several_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "MAX_LINE_BYTES", 1_000)
    spans = [make_span(span_id=f"{n:016x}", start_ns=T + n, attributes={"t": "x" * 100}) for n in range(1, 20)]
    lines = list(otlp_lines(RecordSet(spans)))
    assert len(lines) > 3
    found = [r.key for line in lines for r in decode_json(line, CAPTURE).records if not isinstance(r, EventRecord)]
    assert found == [span.key for span in spans]


def test_numbers_that_json_or_otlp_lack_are_written_in_otlp_s_way() -> None:
    span = make_span(
        attributes={"nan": float("nan"), "inf": float("inf"), "large": 2**70, "nothing": None, "in": {"a": [1]}}
    )
    (line,) = otlp_lines(RecordSet([span]))
    pairs = orjson.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    assert {pair["key"]: pair["value"] for pair in pairs} == {
        "nan": {"doubleValue": "NaN"},
        "inf": {"doubleValue": "Infinity"},
        "large": {"stringValue": str(2**70)},
        "nothing": {},
        "in": {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}]}},
    }
