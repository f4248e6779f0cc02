"""When a session that comes over OTLP reads as over: real workers, one database, the spans of one trace split up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atlas_otel import semconv
from atlas_otel_exporters import export_jsonl

T = 1_700_000_000_000_000_000
QUIET_S = 1.0
BRIEF = {"ATLAS_OTEL_QUIET_S": str(QUIET_S), "ATLAS_OTEL_ROOT_WAIT_S": "60"}
ASKED = orjson.dumps([{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}]).decode()
SAID = orjson.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "So."}]}]).decode()
AGENT = {semconv.GEN_AI_OPERATION_NAME: "invoke_agent", semconv.GEN_AI_AGENT_NAME: "poet"}
MODEL = {semconv.GEN_AI_OPERATION_NAME: "chat", semconv.GEN_AI_INPUT_MESSAGES: ASKED,
         semconv.GEN_AI_OUTPUT_MESSAGES: SAID}  # fmt: skip
TOOL = {semconv.GEN_AI_OPERATION_NAME: "execute_tool", semconv.GEN_AI_TOOL_NAME: "look"}
ROOT, STEP, MODEL_CALL, TOOL_CALL = (1, None, AGENT), (2, 1, AGENT), (3, 2, MODEL), (4, 2, TOOL)
Span = tuple[int, int | None, dict[str, str]]
SEEN = "SELECT status, completed_at, metadata->>'trace_id' FROM sessions"


def message(number: int, parent: int | None, attributes: dict[str, str]) -> bytes:
    made = ExportTraceServiceRequest()
    span = (
        made.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=b"\1" * 16,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=b"" if parent is None else parent.to_bytes(8, "big"),
            name=f"span {number}",
            start_time_unix_nano=T + number,
            end_time_unix_nano=T + 100 - number,
        )
    )
    for name, value in attributes.items():
        span.attributes.add(key=name).value.string_value = value
    return made.SerializeToString()


class Watch:
    """Everything that a reader of the database got to see of its sessions."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, Sequence[Any]]] = []

    def over_at(self) -> float | None:
        """When a session first read as over."""
        return next((when for when, rows in self.seen if any(row[0] != "running" or row[1] for row in rows)), None)


@contextmanager
def watching(url: str) -> Iterator[Watch]:
    watch, stop = Watch(), threading.Event()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set():
                watch.seen.append((time.monotonic(), connection.execute(SEEN).fetchall()))
                time.sleep(0.03)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "order",
    [[ROOT, STEP, MODEL_CALL, TOOL_CALL], [TOOL_CALL, MODEL_CALL, STEP, ROOT], [MODEL_CALL, ROOT, TOOL_CALL, STEP]],
    ids=["root first", "root last", "root between"],
)
def test_a_trace_through_two_workers_is_over_once_and_then_whole(
    start: Callable[..., Any],
    database_url: str,
    eventually: Callable[..., Any],
    tmp_path: Path,
    order: list[Span],
) -> None:
    workers = start(**BRIEF), start(spool="other", **BRIEF)
    followed, stop = tmp_path / "followed.jsonl", threading.Event()
    follower = threading.Thread(
        target=export_jsonl,
        kwargs={"output": followed, "database_url": database_url, "review_statuses": None, "follow": stop},
    )
    follower.start()
    try:
        with watching(database_url) as watch:
            for number, one in enumerate(order):
                time.sleep(0.4)  # each is projected before the next comes
                sent = time.monotonic()
                assert workers[number % 2].post(message(*one)).is_success
            over = eventually(watch.over_at)
        assert over is not None
        assert over - sent > 0.9 * QUIET_S
        statuses = {row[0] for _, rows in watch.seen for row in rows}
        assert statuses == {"running", "succeeded"}
        assert max(len(rows) for _, rows in watch.seen) == 1
        assert eventually(lambda: followed.exists() and followed.read_text().count("\n"))
    finally:
        stop.set()
        follower.join()
    (line,) = map(orjson.loads, followed.read_bytes().splitlines())
    assert (line["task"], line["final_answer"], line["session_metadata"]["status"]) == ("Why?", "So.", "succeeded")
    assert [step["description"] for step in line["steps"]] == ["poet"]
    events = {event["event_type"] for event in line["trajectory_events"]}
    assert {"LLM_END", "TOOL_END", "TASK_END", "WORKFLOW_END"} <= events


def test_a_session_of_ours_is_seen_while_it_runs_and_over_later(
    start: Callable[..., Any], database: psycopg.Connection, eventually: Callable[..., Any]
) -> None:
    worker = start(ATLAS_OTEL_QUIET_S="5")
    key = {semconv.ATLAS_SESSION_ID: "k" * 32}
    now = "SELECT task, status, completed_at IS NULL FROM sessions"
    assert worker.post(message(2, 1, {**MODEL, **key, semconv.ATLAS_KIND: "llm"})).is_success
    assert eventually(lambda: database.execute(now).fetchall() == [("", "running", True)])
    root = {**key, semconv.ATLAS_KIND: "session", semconv.ATLAS_TASK: "Why?"}
    assert worker.post(message(1, None, root)).is_success
    assert eventually(lambda: database.execute(now).fetchall() == [("Why?", "running", True)])
    assert eventually(lambda: database.execute(now).fetchall() == [("Why?", "succeeded", False)])


def test_what_comes_later_is_added_and_a_session_that_was_over_stays_so(
    start: Callable[..., Any], database_url: str, database: psycopg.Connection, eventually: Callable[..., Any]
) -> None:
    worker = start(**BRIEF)
    assert worker.post(message(*ROOT)).is_success
    assert eventually(lambda: database.execute("SELECT status FROM sessions").fetchall() == [("succeeded",)])
    with watching(database_url) as watch:
        assert worker.post(message(*MODEL_CALL)).is_success
        assert eventually(lambda: database.execute("SELECT final_answer FROM sessions").fetchall() == [("So.",)])
    assert {row[0] for _, rows in watch.seen for row in rows} == {"succeeded"}


def test_a_trace_whose_root_never_comes_is_the_session_that_it_shows(
    start: Callable[..., Any], database: psycopg.Connection, eventually: Callable[..., Any]
) -> None:
    """A worker that took it may be dead by then: another one sees to it."""
    first = start(ATLAS_OTEL_QUIET_S="0", ATLAS_OTEL_ROOT_WAIT_S="3")
    assert first.post(message(*MODEL_CALL)).is_success
    assert first.post(message(*STEP)).is_success
    assert eventually(lambda: database.execute(SEEN).fetchall() == [("running", None, None)])
    first.kill()
    start(spool="other", ATLAS_OTEL_QUIET_S="0", ATLAS_OTEL_ROOT_WAIT_S="3")
    assert eventually(lambda: database.execute("SELECT status FROM sessions").fetchall() == [("succeeded",)])
    assert database.execute("SELECT task, final_answer FROM sessions").fetchone() == ("Why?", "So.")


SERVER = """
import sys
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
came_from = {"traceparent": f"00-{'1' * 32}-{'9' * 16}-01"}
with trace.get_tracer("server").start_as_current_span(
    "chat", context=TraceContextTextMapPropagator().extract(came_from), attributes={"gen_ai.operation.name": "chat"}
):
    pass
sys.stdin.read()
"""


def test_a_process_that_records_itself_sees_to_a_trace_that_began_elsewhere(
    database_url: str, database: psycopg.Connection, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    """A server whose caller sends trace context and no spans."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ATLAS_", "OTEL_"))}
    environment |= {
        "ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path), "ATLAS_OTEL_ROOT_WAIT_S": "4",
    }  # fmt: skip
    command = [sys.executable, "-m", "atlas_otel", "exec", "--", sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as server:
        assert eventually(lambda: database.execute(SEEN).fetchall() == [("running", None, None)])
        assert eventually(lambda: database.execute("SELECT status FROM sessions").fetchall() == [("succeeded",)])
        assert server.poll() is None
        server.communicate()
