"""Spans that Jaeger's Badger storage would refuse for ever, and so block its queue: they arrive, cut and marked.

Badger indexes every attribute by its value and takes keys of up to 65,000 bytes, ten megabytes a span. Jaeger answers
"try again" to what it will never take. Without ``transform/fit_badger`` one such span stops all that come after it.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from processes import Collector, Jaeger, Stack, eventually

BIG = 200_000


def _text(value: str) -> AnyValue:
    return AnyValue(string_value=value)


def _pair(key: str, value: AnyValue) -> KeyValue:
    return KeyValue(key=key, value=value)


def _attributes(name: str) -> list[KeyValue]:
    many = [_pair(f"item {number}", _text("m" * 50_000)) for number in range(400)]
    shapes = {
        "a long string": [_pair("atlas.input", _text('["' + "é" * BIG + '"]'))],
        "a long list": [_pair("tags", AnyValue(array_value=ArrayValue(values=[_text("tag")] * BIG)))],
        "a long map": [
            _pair(
                "map",
                AnyValue(kvlist_value=KeyValueList(values=[_pair(str(i), _text("v" * 100)) for i in range(2000)])),
            )
        ],
        "many bytes": [_pair("blob", AnyValue(bytes_value=b"\0" * BIG))],
        "a long key": [_pair("k" * BIG, _text("v"))],
        "many long strings": many,
        "tokens beside a long string": [
            _pair("gen_ai.usage.input_tokens", AnyValue(int_value=321)),
            _pair("gen_ai.input.messages", _text("x" * BIG)),
        ],
    }
    return shapes.get(name, [])


def _span(name: str) -> Span:
    now = time.time_ns()
    span = Span(
        trace_id=os.urandom(16),
        span_id=os.urandom(8),
        name="n" * BIG if name == "a long name" else name,
        start_time_unix_nano=now,
        end_time_unix_nano=now + 1_000_000,
        attributes=_attributes(name),
    )
    if name == "a long status":
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="E" * BIG))
    if name == "a long stack trace":
        stack = [_pair("exception.stacktrace", _text("s" * BIG)), _pair("exception.type", _text("ValueError"))]
        span.events.append(Span.Event(name="exception", time_unix_nano=now, attributes=stack))
    if name == "thousands of events":
        payload = [_pair(f"part {part}", _text("p" * 900)) for part in range(5)]
        span.events.extend(Span.Event(name=f"e{i}", time_unix_nano=now + i, attributes=payload) for i in range(5000))
    return span


def _post(collector: Collector, span: Span, resource: Resource | None = None) -> None:
    resource = resource or Resource(attributes=[_pair("service.name", _text("badger-test"))])
    request = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=[span])])]
    )
    answer = requests.post(
        f"{collector.endpoint}/v1/traces",
        data=request.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
        timeout=30,
    )
    assert answer.status_code == 200


def _await(jaeger: Jaeger, span: Span) -> dict[str, Any]:
    what = f"Jaeger has it; it said: {jaeger.log.read_text()[-1500:]}"
    stored: dict[str, Any] = eventually(lambda: jaeger.spans(span.trace_id.hex()), seconds=20, what=what)[0]
    return stored


def _values(span: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {pair["key"]: pair["value"] for pair in span.get("attributes", [])}


@pytest.mark.parametrize(
    "shape",
    [
        "a long string",
        "a long list",
        "a long map",
        "many bytes",
        "a long key",
        "many long strings",
        "tokens beside a long string",
        "a long name",
        "a long status",
        "a long stack trace",
        "thousands of events",
    ],
)
def test_it_arrives_and_so_does_what_comes_after_it(stack: Stack, shape: str) -> None:
    collector, jaeger = stack
    odd, plain = _span(shape), _span("plain")
    _post(collector, odd)
    _post(collector, plain)
    stored = _await(jaeger, odd)
    assert _await(jaeger, plain)["name"] == "plain"
    values = _values(stored)
    if shape in {"a long string", "a long list", "many bytes", "many long strings", "tokens beside a long string"}:
        assert int(values["atlas.jaeger.cut_from_bytes"]["intValue"]) >= BIG
    if shape == "tokens beside a long string":
        assert values["gen_ai.usage.input_tokens"] == {"intValue": "321"}
    if shape == "thousands of events":
        assert len(stored["events"]) == 5000


def test_a_resource_with_a_long_attribute(stack: Stack) -> None:
    collector, jaeger = stack
    span = _span("plain")
    attributes = [_pair("service.name", _text("badger-test")), _pair("process.command_line", _text("c" * BIG))]
    _post(collector, span, Resource(attributes=attributes))
    assert _await(jaeger, span)["name"] == "plain"


def test_a_span_of_usual_size_is_not_touched(stack: Stack) -> None:
    collector, jaeger = stack
    span = _span("plain")
    span.attributes.extend(
        [
            _pair("atlas.tags", AnyValue(array_value=ArrayValue(values=[_text("demo")]))),
            _pair("gen_ai.usage.output_tokens", AnyValue(int_value=12)),
            _pair("atlas.output", _text("[" + "1," * 20_000 + "1]")),
        ]
    )
    _post(collector, span)
    values = _values(_await(jaeger, span))
    assert values["atlas.output"] == {"stringValue": "[" + "1," * 20_000 + "1]"}
    assert values["gen_ai.usage.output_tokens"] == {"intValue": "12"}
    assert "atlas.jaeger.cut_from_bytes" not in values
