"""Senders that are slow, silent, many or hostile: the others go on, and memory stays within its bounds."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

T = 1_700_000_000_000_000_000


def one_span(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "chat m",
        "startTimeUnixNano": str(T),
        "endTimeUnixNano": str(T + 1),
        **more,
    }


def as_json(spans: list[dict[str, Any]]) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def resident_mib(pid: int, what: str = "VmHWM") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) // 1024
    raise AssertionError(what)


@pytest.fixture
def idle(request: pytest.FixtureRequest) -> Any:
    held: list[socket.socket] = []

    def connect(port: int, said: bytes = b"") -> socket.socket:
        one = socket.create_connection(("127.0.0.1", port), timeout=10)
        held.append(one)
        if said:
            one.sendall(said)
        return one

    yield connect
    for one in held:
        one.close()


def closed(one: socket.socket, within_s: float) -> bool:
    one.settimeout(within_s)
    try:
        while one.recv(4096):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_thousand_silent_connections_shut_nobody_out(start: Any, idle: Any) -> None:
    collector = start("--max-connections", "100", "--max-peer-connections", "60")
    for number in range(1000):
        idle(collector.port, b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: " if number % 2 else b"")
    assert collector.post(as_json([one_span()]), "application/json").status_code == 200
    assert collector.get("/healthz").text == "ok\n"
    health = collector.health_port
    assert httpx.get(f"http://127.0.0.1:{health}/healthz", timeout=5).text == "ok\n"


def test_health_has_a_listener_of_its_own_that_silent_ones_do_not_shut_either(start: Any, idle: Any) -> None:
    collector = start()
    health = f"http://127.0.0.1:{collector.health_port}"
    for _ in range(200):
        idle(collector.health_port)
    assert httpx.get(f"{health}/healthz", timeout=5).text == "ok\n"
    assert httpx.get(f"{health}/readyz", timeout=5).status_code == 200
    assert "accepted_total" in httpx.get(f"{health}/metrics", timeout=5).text
    assert httpx.post(f"{health}/v1/traces", content=b"{}", timeout=5).status_code == 404
    named = start("--health-port", "0")
    assert httpx.get(f"http://127.0.0.1:{named.health_port}/healthz", timeout=5).text == "ok\n"


def test_headers_have_to_come_in_time_also_on_a_connection_that_was_used(start: Any, idle: Any) -> None:
    collector = start()
    silent, slow, used = idle(collector.port), idle(collector.port, b"GET /healthz HT"), idle(collector.port)
    used.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b"200" in used.recv(4096)
    used.sendall(b"GET /readyz HTTP/1.1\r\nho")
    dripping = threading.Event()

    def drip() -> None:
        while not dripping.wait(1):
            try:
                slow.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        assert closed(silent, 20)
        assert closed(used, 20)
        assert closed(slow, 20)
    finally:
        dripping.set()
        thread.join()


# --- memory ------------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes((number,))


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def in_span(inside: bytes) -> bytes:
    span = trace_pb2.Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n", start_time_unix_nano=T).SerializeToString()
    return _field(1, _field(2, _field(2, span + inside)))


SIZE = 40 * 1024 * 1024
BOMBS = {
    "spans without anything": _field(1, _field(2, b"\x12\x00" * (SIZE // 2))),
    "events without anything": in_span(b"\x5a\x00" * (SIZE // 2)),
    "attributes without anything": in_span(b"\x4a\x00" * (SIZE // 2)),
    "one event with attributes": in_span(_field(11, b"\x1a\x00" * (SIZE // 2))),
    "an attribute that is a list": in_span(
        _field(9, _field(1, b"k") + _field(2, _field(5, b"\x0a\x00" * (SIZE // 2))))
    ),
    "a resource with attributes": _field(1, _field(1, b"\x0a\x00" * (SIZE // 2)) + _field(2, _field(2, b""))),
    "resources without anything": b"\x0a\x00" * (SIZE // 2),
}
JSON_BOMBS = {
    "lists": b'{"resourceSpans":[' + b"[]," * (SIZE // 3) + b"[]]}",
    "objects": b'{"resourceSpans":[' + b"{}," * (SIZE // 3) + b"{}]}",
    "numbers": b'{"resourceSpans":[' + b"1," * (SIZE // 2) + b"1]}",
}


@pytest.mark.parametrize("name", [*BOMBS, *(f"json {name}" for name in JSON_BOMBS)])
def test_memory_does_not_follow_what_a_small_body_decodes_to(start: Any, name: str) -> None:
    collector = start("--max-decoded-mib", "512")
    content_type = "application/json" if name.startswith("json ") else "application/x-protobuf"
    bomb = gzip.compress(JSON_BOMBS[name[5:]] if name.startswith("json ") else BOMBS[name], 6)
    assert len(bomb) < 1024 * 1024

    def send(_: int) -> int:
        return collector.post(bomb, content_type, **{"content-encoding": "gzip"}).status_code

    with ThreadPoolExecutor(4) as senders:
        answers = list(senders.map(send, range(4)))
    assert set(answers) <= {200, 400, 413, 429}, answers
    assert collector.get("/healthz").text == "ok\n"
    # At most: 160 MiB of bodies, 512 of what they are decoded to, and what the process takes at rest.
    assert resident_mib(collector.process.pid) < 900
    assert collector.post(as_json([one_span()]), "application/json").status_code == 200


def test_a_large_body_is_stored_whole_in_parts(start: Any, database: Any, eventually: Any) -> None:
    collector = start()
    spans = [
        {**one_span(number), "attributes": [{"key": "k", "value": {"stringValue": "x" * 1500}}]}
        for number in range(1, 2001)
    ]
    request = trace_pb2.TracesData()
    of_scope = request.resource_spans.add().scope_spans.add()
    request.resource_spans[0].resource.attributes.add().key = "service.name"
    request.resource_spans[0].resource.attributes[0].value.string_value = "large"
    of_scope.scope.name = "a scope"
    for number in range(1, 2001):
        span = of_scope.spans.add(trace_id=(10_000 + number).to_bytes(16, "big"), span_id=number.to_bytes(8, "big"))
        span.name, span.start_time_unix_nano, span.end_time_unix_nano = "chat m", T, T + 1
        span.attributes.add(key="k").value.string_value = "y" * 1500
    assert collector.post(as_json(spans), "application/json").status_code == 200
    assert collector.post(request.SerializeToString()).status_code == 200
    count = "SELECT count(*), count(*) FILTER (WHERE scope = 'a scope') FROM atlas_otel.spans"
    assert eventually(lambda: database.execute(count).fetchone() == (4000, 2000))
    named = database.execute("SELECT count(*) FROM atlas_otel.resources WHERE attributes ->> 'service.name' = 'large'")
    assert named.fetchone() == (1,)


def test_a_body_of_too_many_spans_is_refused_for_good(start: Any) -> None:
    collector = start("--max-decoded-mib", "4096")
    many = _field(1, _field(2, b"\x12\x00" * 300_000 + b"\x12\x00" * 300_000))
    assert collector.post(many).status_code in (400, 413)


# --- the database away ---------------------------------------------------------------------------------------------


def test_without_a_spool_a_sender_is_answered_before_it_gives_up(start: Any) -> None:
    url = "postgresql://nobody@127.0.0.1:9/nothing"
    collector = start("--durability", "memory", url=url)

    def send(number: int) -> tuple[int, float]:
        began = time.monotonic()
        answer = httpx.post(
            collector.url,
            content=as_json([one_span(number)]),
            headers={"content-type": "application/json"},
            timeout=10,  # what OTLP exporters wait
        )
        return answer.status_code, time.monotonic() - began

    with ThreadPoolExecutor(20) as senders:
        answers = list(senders.map(send, range(1, 21)))
    assert {status for status, _ in answers} <= {429, 503}
    assert collector.process.poll() is None
