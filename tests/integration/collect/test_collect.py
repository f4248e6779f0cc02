"""OTLP/HTTP into Postgres through a real ``atlas-otel collect``."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import ssl
import subprocess
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from atlas_otel import semconv
from atlas_otel.cli import main
from atlas_otel.projection.trace_sessions import implicit_session

T = 1_700_000_000_000_000_000
TOKEN = "not-a-secret-but-a-test"


def request(*numbers: int, trace: int = 1, session: str | None = "s" * 32, size: int = 0) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add().scope_spans.add().spans
    for number in numbers:
        span = spans.add(
            trace_id=trace.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name=f"span {number}",
            start_time_unix_nano=T + number,
            end_time_unix_nano=T + number + 1,
        )
        if session is not None:
            span.attributes.add(key=semconv.ATLAS_SESSION_ID).value.string_value = session
        if size:
            span.attributes.add(key="filler").value.string_value = "x" * size
    return made


def stored(database: psycopg.Connection) -> int:
    return database.execute("SELECT count(*) FROM atlas_otel.spans").fetchone()[0]


def test_both_encodings_with_and_without_gzip_arrive(start: Any, database: Any, eventually: Any) -> None:
    collector = start()
    as_json = orjson.dumps(
        {
            "resourceSpans": [
                {
                    "scopeSpans": [
                        {"spans": [{"traceId": "2" * 32, "spanId": "1" * 16, "name": "j", "startTimeUnixNano": T}]}
                    ]
                }
            ]
        }
    )

    answers = [
        collector.post(request(1).SerializeToString()),
        collector.post(gzip.compress(request(2).SerializeToString()), **{"content-encoding": "gzip"}),
        collector.post(as_json, "application/json; charset=utf-8"),
        collector.post(gzip.compress(as_json), "application/json", **{"content-encoding": "gzip"}),
        collector.post(b""),
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert ExportTraceServiceResponse.FromString(answers[0].content) == ExportTraceServiceResponse()
    assert (answers[2].json(), answers[2].headers["content-type"]) == ({}, "application/json")
    assert eventually(lambda: stored(database) == 3)
    assert collector.stop() == 0
    assert collector.process.stdout.read() == b""


def test_what_is_no_span_is_told_and_the_rest_is_stored(start: Any, database: Any, eventually: Any) -> None:
    collector = start()
    made = request(1)
    made.resource_spans[0].scope_spans[0].spans.add(name="no ids")
    bad = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "x"}, 7]}]}]}

    answer = ExportTraceServiceResponse.FromString(collector.post(made.SerializeToString()).content)
    said = collector.post(orjson.dumps(bad), "application/json").json()["partialSuccess"]

    assert answer.partial_success.rejected_spans == 1
    assert "trace id" in answer.partial_success.error_message
    assert said["rejectedSpans"] == "2"
    assert eventually(lambda: stored(database) == 1)


@pytest.mark.parametrize("durability", ["spool", "memory"])
def test_success_is_answered_only_for_what_cannot_be_lost(
    start: Any, database: psycopg.Connection, eventually: Any, durability: str
) -> None:
    collector = start("--durability", durability)
    for number in range(1, 6):
        assert collector.post(request(number).SerializeToString()).status_code == 200
    collector.kill()
    if durability == "memory":
        assert stored(database) == 5
        return
    start()
    assert eventually(lambda: stored(database) == 5)


def test_errors_are_a_status_in_the_encoding_of_the_request(start: Any) -> None:
    collector = start()
    as_json, as_protobuf = {"content-type": "application/json"}, {"content-type": "application/x-protobuf"}
    packed = {**as_json, "content-encoding": "gzip"}
    for status, headers, body in [
        (400, as_protobuf, b"\xff\xff\xff"),
        (400, as_json, b"{"),
        (400, as_json, b"[]"),
        (400, packed, b"x"),
        (400, packed, gzip.compress(b"{}")[:-4]),
        (415, {**as_json, "content-encoding": "br"}, b"x"),
        (415, {"content-type": "text/plain"}, b"x"),
        (415, {}, b"x"),
    ]:
        answer = httpx.post(collector.url, headers=headers, content=body)
        assert answer.status_code == status
        if "json" in headers.get("content-type", ""):
            assert answer.json()["message"]
        else:
            assert Status.FromString(answer.content).message


def test_other_paths_and_methods(start: Any) -> None:
    collector = start()
    assert httpx.get(collector.url).status_code == 405
    assert collector.get("/").status_code == 404
    assert collector.get("/healthz").text == "ok\n"
    assert collector.get("/readyz").text == "ready\n"


def test_bodies_are_bounded_as_sent_and_as_unpacked(start: Any, database: Any, eventually: Any) -> None:
    collector = start("--max-body-mib", "1")
    large = request(1, size=900_000).SerializeToString()
    bomb = zlib.compressobj(9, wbits=31)
    bombed = (
        bomb.compress(bytes(1024 * 1024))
        + b"".join(bomb.compress(bytes(1024 * 1024)) for _ in range(200))
        + bomb.flush()
    )

    def pieces() -> Any:
        for _ in range(40):
            yield bytes(100_000)

    assert collector.post(large).status_code == 200
    assert collector.post(request(2, size=1_100_000).SerializeToString()).status_code == 413
    assert collector.post(bombed, **{"content-encoding": "gzip"}).status_code == 413
    try:
        chunked = httpx.post(collector.url, content=pieces(), headers={"content-type": "application/json"})
    except httpx.HTTPError:  # the answer came, and the connection went, while the body was being sent
        pass
    else:
        assert chunked.status_code == 413
    # Two members, one behind the other, are one body.
    both = gzip.compress(large[:1000]) + gzip.compress(large[1000:])
    assert collector.post(both, **{"content-encoding": "gzip"}).status_code == 200
    assert eventually(lambda: stored(database) == 1)


# --- who may write -----------------------------------------------------------------------------------------------


def test_a_token_is_asked_for_where_one_is_set(start: Any, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    for collector in (start(ATLAS_OTEL_COLLECT_TOKEN=TOKEN), start("--token-file", str(file), spool="other")):
        body = request(1).SerializeToString()
        for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {TOKEN}"}, {"authorization": TOKEN}):
            answer = collector.post(body, **wrong)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert collector.post(body, authorization=f"Bearer {TOKEN}").status_code == 200
        assert collector.get("/metrics").status_code == 401
        assert collector.get("/metrics", authorization=f"bearer {TOKEN}").status_code == 200
        assert collector.get("/healthz").status_code == 200
        assert TOKEN not in collector.said()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "without a token"),
        (["--tls-cert", "cert.pem"], "both --tls-cert and --tls-key"),
        (["--tls-cert", "nowhere.pem", "--tls-key", "nowhere.key"], "cannot use the TLS certificate"),
        (["--durability", "paper"], "--durability"),
        (["--token-file", "nowhere"], "token file"),
        (["--database-url", "mysql://x"], "database URL"),
        (["--host", "203.0.113.1", "--insecure-no-token"], "cannot listen"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    database_url: str, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setenv("ATLAS_OTEL_SPOOL_DIR", str(tmp_path))

    assert main(["collect", "--port", "0", "--database-url", database_url, *arguments]) == 2

    printed, said = capsys.readouterr()
    assert printed == ""
    assert message.lower() in said.lower()
    assert "Traceback" not in said


def test_tls(start: Any, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    collector = start("--tls-cert", str(cert), "--tls-key", str(key))
    trusting = ssl.create_default_context(cafile=str(cert))
    headers = {"content-type": "application/x-protobuf"}
    assert collector.url.startswith("https://")
    assert httpx.post(
        collector.url, content=request(1).SerializeToString(), headers=headers, verify=trusting
    ).is_success


# --- when something is away --------------------------------------------------------------------------------------


def test_a_dead_database_costs_nothing_while_there_is_room(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    collector = start(url=f"postgresql://u@127.0.0.1:{port}/d")
    began = time.monotonic()
    assert collector.post(request(1).SerializeToString()).status_code == 200
    assert time.monotonic() - began < 5
    assert collector.get("/readyz").status_code == 200
    assert collector.stop() == 0


def test_without_room_the_sender_is_told_when_to_come_again(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    collector = start(
        "--spool-mib", "8", url=f"postgresql://u@127.0.0.1:{port}/d", ATLAS_OTEL_MAX_STRING_BYTES="1000000"
    )
    number = 0
    while (answer := collector.post(request(number := number + 1, size=900_000).SerializeToString())).is_success:
        assert number < 50

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert Status.FromString(answer.content).code == 14
    assert collector.get("/readyz").status_code == 503
    metrics = collector.get("/metrics").text
    assert 'atlas_otel_collect_turned_away_total{cause="spool_full"} 1\n' in metrics
    assert f'atlas_otel_collect_accepted_total{{kind="spans"}} {number - 1}\n' in metrics
    assert "dropped_total{" not in metrics
    assert collector.stop() == 0


def exporting(url: str, **options: Any) -> tuple[TracerProvider, BatchSpanProcessor]:
    provider = TracerProvider(resource=Resource.create({"service.name": "sender"}))
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=url, **options), schedule_delay_millis=50)
    provider.add_span_processor(processor)
    return provider, processor


def test_killed_and_started_again_in_mid_stream_nothing_is_lost_or_doubled(
    start: Any, database: psycopg.Connection, eventually: Any
) -> None:
    collector = start()
    provider, processor = exporting(collector.url, compression=Compression.Gzip, timeout=30)
    tracer = provider.get_tracer("sender")
    stop, sent = threading.Event(), []

    def send() -> None:
        while not stop.is_set():
            with tracer.start_as_current_span("chat", attributes={semconv.ATLAS_SESSION_ID: "k" * 32}) as span:
                sent.append(span.get_span_context().span_id)
            time.sleep(0.004)

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(2):
        time.sleep(0.7)
        collector.kill()
        time.sleep(0.2)
        collector = start(port=collector.port)
    time.sleep(0.5)
    stop.set()
    sender.join()
    assert processor.force_flush(30_000)
    processor.shutdown()

    assert eventually(lambda: stored(database) >= len(sent))
    held = [row[0] for row in database.execute("SELECT span_id FROM atlas_otel.spans")]
    assert sorted(held) == sorted(f"{one:016x}" for one in sent)
    assert eventually(lambda: database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1)
    rows = database.execute("SELECT metadata FROM sessions").fetchone()
    assert rows is not None


def test_a_session_through_two_collectors_is_one(start: Any, database: psycopg.Connection, eventually: Any) -> None:
    one, other = start(), start(spool="other")
    traces = [implicit_session(f"{1:032x}")]
    made = request(1, session=None)
    made.resource_spans[0].scope_spans[0].spans[0].attributes.add(
        key=semconv.GEN_AI_OPERATION_NAME
    ).value.string_value = "invoke_agent"
    assert one.post(made.SerializeToString()).is_success
    assert eventually(lambda: database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1)
    assert other.post(request(2, 3, session=None).SerializeToString()).is_success
    assert eventually(
        lambda: (
            database.execute("SELECT count(*) FROM atlas_otel.spans WHERE session_key = ANY (%s)", [traces]).fetchone()[
                0
            ]
            == 3
        )
    )
    assert other.post(request(4).SerializeToString()).is_success  # it was a session of ours all the time

    assert eventually(
        lambda: database.execute("SELECT array_agg(key) FROM atlas_otel.sessions").fetchone()[0] == ["s" * 32]
    )
    assert eventually(lambda: database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1)


def test_what_one_worker_left_unprojected_another_projects(
    start: Any, database: psycopg.Connection, eventually: Any
) -> None:
    """A worker that died between its commit and the projection; the next one has nothing to store itself."""
    first = start("--durability", "memory")
    assert first.post(request(1).SerializeToString()).is_success
    first.kill()
    database.execute("DELETE FROM sessions")
    database.execute("UPDATE atlas_otel.sessions SET projected_revision = 0")

    start(spool="other")

    assert eventually(lambda: database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop_stores_what_came(start: Any, database: psycopg.Connection, how: int) -> None:
    collector = start()
    for number in range(1, 30):
        assert collector.post(request(number).SerializeToString()).is_success

    assert collector.stop(how) == 0
    assert stored(database) == 29
    assert database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1
    with pytest.raises(httpx.ConnectError):
        collector.get("/healthz")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_that_a_stop_cuts_short_is_one_to_send_again(
    start: Any, database: psycopg.Connection, workers: str
) -> None:
    """Its sender is slow, or stands still: at any other answer than these few it would give up what it holds."""
    collector = start("--workers", workers)
    body = request(*range(1, 200)).SerializeToString()
    head = (
        "POST /v1/traces HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    with (
        socket.create_connection(("127.0.0.1", collector.port)) as slow,
        socket.create_connection(("127.0.0.1", collector.port)) as still,
    ):
        for sender in (slow, still):
            sender.sendall(head + body[:100])
            sender.settimeout(30)
        assert collector.post(request(1).SerializeToString()).is_success
        time.sleep(0.5)
        collector.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        with pytest.raises(httpx.ConnectError):
            collector.get("/healthz")
        slow.sendall(body[100:])
        assert slow.recv(1_000).startswith(b"HTTP/1.1 200 ")
        answer = still.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5\r\n" in answer
    assert collector.process.wait(30) == 0
    assert stored(database) == 199
    assert "Traceback" not in collector.said()


def test_metrics_count_what_was_asked(start: Any, eventually: Any) -> None:
    collector = start()
    collector.post(request(1, 2).SerializeToString())
    collector.post(b"{", "application/json")

    def settled() -> Any:
        text = collector.get("/metrics").text
        return text if 'stored_total{kind="spans"} 2\n' in text else None

    text = eventually(settled)
    assert 'atlas_otel_collect_requests_total{status="200"} 1\n' in text
    assert 'atlas_otel_collect_requests_total{status="400"} 1\n' in text
    for line in text.splitlines():
        assert line.startswith("# ") or len(line.rsplit(" ", 1)) == 2


def test_what_others_sent_is_bounded_and_says_so(start: Any, database: psycopg.Connection, eventually: Any) -> None:
    collector = start(ATLAS_OTEL_MAX_STRING_BYTES="1000")
    collector.post(request(1, size=100_000).SerializeToString())
    assert eventually(lambda: stored(database) == 1)
    (attributes,) = database.execute("SELECT attributes FROM atlas_otel.spans").fetchone()
    assert "…[100000 bytes, cut by atlas-otel]…" in attributes["filler"]
    assert len(attributes["filler"].encode()) == 1000


def test_content_is_kept_out_where_that_is_configured(
    start: Any, database: psycopg.Connection, eventually: Any
) -> None:
    collector = start(ATLAS_OTEL_CAPTURE_CONTENT="false")
    collector.post(request(1, size=10).SerializeToString())
    assert eventually(lambda: stored(database) == 1)
    (attributes,) = database.execute("SELECT attributes FROM atlas_otel.spans").fetchone()
    assert json.dumps(attributes).count("x") == 0
    assert attributes[semconv.ATLAS_SESSION_ID] == "s" * 32
