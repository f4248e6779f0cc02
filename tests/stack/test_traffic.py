"""OTLP → Collector → Jaeger, each of them killed and started again while spans come in: nothing is lost."""

from __future__ import annotations

import os
import threading
import time
from base64 import b64encode
from typing import TYPE_CHECKING

import grpc
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processes import Collector, Jaeger

MIB = 1024 * 1024
SPANS = 20


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _request(trace: bytes, *, spans: int = SPANS, payload: str = '{"topic": "otters"}') -> ExportTraceServiceRequest:
    now = time.time_ns()
    made = [
        Span(
            trace_id=trace,
            span_id=os.urandom(8),
            name=f"step {number}",
            start_time_unix_nano=now + number,
            end_time_unix_nano=now + number + 1000,
            attributes=[_text("atlas.kind", "step"), _text("atlas.input", payload)],
        )
        for number in range(spans)
    ]
    resource = Resource(attributes=[_text("service.name", "stack-test")])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=made)])]
    )


def _ids(request: ExportTraceServiceRequest) -> set[str]:
    """Span ids as the JSON of protobuf has them."""
    return {b64encode(span.span_id).decode() for span in request.resource_spans[0].scope_spans[0].spans}


def _post(collector: Collector, request: ExportTraceServiceRequest) -> requests.Response:
    return requests.post(
        f"{collector.endpoint}/v1/traces",
        data=request.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
        timeout=30,
    )


def _stored(jaeger: Jaeger, trace: bytes) -> set[str]:
    return {_as_base64(span["spanId"]) for span in jaeger.spans(trace.hex())}


def _as_base64(span_id: str) -> str:
    """Jaeger writes ids in hex, as OTLP's own JSON does; protobuf's plain JSON would be base64."""
    return b64encode(bytes.fromhex(span_id)).decode() if len(span_id) == 16 else span_id


def _await_stored(jaeger: Jaeger, sent: dict[bytes, set[str]], *, seconds: float = 60) -> None:
    """Wait until Jaeger has every span that was sent."""
    missing = dict(sent)
    deadline = time.monotonic() + seconds
    while missing and time.monotonic() < deadline:
        missing = {trace: ids for trace, ids in missing.items() if ids - _stored(jaeger, trace)}
        time.sleep(0.2)
    lost = {trace.hex(): len(ids - _stored(jaeger, trace)) for trace, ids in missing.items()}
    assert not lost, f"spans that Jaeger never got, by trace: {lost}"


class _Sender:
    """Sends a trace after the other from a thread, each until it is acknowledged, as an SDK's exporter does."""

    def __init__(self, collector: Collector, traces: int) -> None:
        self.acknowledged: dict[bytes, set[str]] = {}
        self._collector = collector
        self._requests = [(trace := os.urandom(16), _request(trace)) for _ in range(traces)]
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        for trace, request in self._requests:
            self._until_acknowledged(request)
            self.acknowledged[trace] = _ids(request)
            time.sleep(0.02)

    def _until_acknowledged(self, request: ExportTraceServiceRequest) -> None:
        for _ in range(1200):
            try:
                if _post(self._collector, request).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)

    def __enter__(self) -> _Sender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(90)
        assert not self._thread.is_alive()

    def wait_for(self, traces: int) -> None:
        while len(self.acknowledged) < traces:
            assert self._thread.is_alive()
            time.sleep(0.01)


def _grpc(collector: Collector) -> Iterator[TraceServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{collector.grpc_port}") as channel:
        yield TraceServiceStub(channel)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_span_arrives_whole(collector: Collector, jaeger: Jaeger, protocol: str) -> None:
    trace = os.urandom(16)
    request = _request(trace, spans=1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="ValueError: no such table"))
    span.events.append(
        Span.Event(
            name="atlas.adapter_event",
            time_unix_nano=span.start_time_unix_nano + 5,
            attributes=[_text("name", "probe")],
        )
    )
    if protocol == "http":
        assert _post(collector, request).status_code == 200
    else:
        for stub in _grpc(collector):
            stub.Export(request, timeout=30)
    _await_stored(jaeger, {trace: _ids(request)})
    (stored,) = jaeger.spans(trace.hex())
    attributes = {pair["key"]: pair["value"] for pair in stored["attributes"]}
    assert stored["name"] == "step 0"
    assert stored["startTimeUnixNano"] == str(span.start_time_unix_nano)
    assert attributes["atlas.input"] == {"stringValue": '{"topic": "otters"}'}
    assert stored["status"] == {"code": 2, "message": "ValueError: no such table"}
    assert [event["name"] for event in stored["events"]] == ["atlas.adapter_event"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_traces_outlive_a_jaeger_that_ends(collector: Collector, jaeger: Jaeger, how: str) -> None:
    trace = os.urandom(16)
    request = _request(trace)
    assert _post(collector, request).status_code == 200
    _await_stored(jaeger, {trace: _ids(request)})
    getattr(jaeger, how)()
    jaeger.start()
    _await_stored(jaeger, {trace: _ids(request)})


def test_jaeger_down_while_the_queue_waits_on_disk_and_the_collector_is_killed_too(
    collector: Collector, jaeger: Jaeger
) -> None:
    jaeger.kill()
    sent = {}
    for _ in range(40):
        trace = os.urandom(16)
        request = _request(trace)
        assert _post(collector, request).status_code == 200  # taken, though nobody is there to pass it on to
        sent[trace] = _ids(request)
    collector.kill()
    jaeger.start()
    assert not any(_stored(jaeger, trace) for trace in sent)
    collector.start()
    _await_stored(jaeger, sent)


def test_a_collector_killed_in_mid_stream_loses_nothing_that_it_acknowledged(
    collector: Collector, jaeger: Jaeger
) -> None:
    with _Sender(collector, traces=150) as sender:
        for taken in (30, 80):
            sender.wait_for(taken)
            collector.kill()
            collector.start()
    assert len(sender.acknowledged) == 150
    _await_stored(jaeger, sender.acknowledged)


def test_a_jaeger_killed_in_mid_stream_loses_nothing_that_the_collector_acknowledged(
    collector: Collector, jaeger: Jaeger
) -> None:
    with _Sender(collector, traces=150) as sender:
        for taken in (30, 80):
            sender.wait_for(taken)
            jaeger.kill()
            time.sleep(1)
            jaeger.start()
    _await_stored(jaeger, sender.acknowledged)


def test_a_span_of_many_mebibytes_passes(collector: Collector, jaeger: Jaeger) -> None:
    trace = os.urandom(16)
    request = _request(trace, spans=1, payload="x" * (24 * MIB))
    assert _post(collector, request).status_code == 200
    _await_stored(jaeger, {trace: _ids(request)})


def test_what_is_over_the_limit_is_refused_to_its_sender_not_dropped_on_the_way(collector: Collector) -> None:
    answer = _post(collector, _request(os.urandom(16), spans=1, payload="x" * (33 * MIB)))
    assert 400 <= answer.status_code < 500
