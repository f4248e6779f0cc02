"""Senders of all signals: what logs say of model calls is in the session, and nobody is told to try again."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import psycopg
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from atlas_otel.postgres.store import PostgresStore

PROGRAMS = Path(__file__).parents[2] / "peers" / "frameworks"
TASK = "What is the weather in Paris and in Atlantis?"
ANSWER = "It is sunny in Paris; nobody knows a place called Atlantis."


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


model_server = load("model_server")


@pytest.mark.timeout(600)  # the first run makes the environment
def test_a_program_that_sends_traces_logs_and_metrics(
    start: Callable[..., Any],
    database_url: str,
    database: psycopg.Connection,
    eventually: Callable[..., Any],
    peer_python: Callable[[str], str],
) -> None:
    """The openai SDK under the official instrumentation, which writes what was said as log records."""
    python, collector = peer_python("framework-openai"), start(ATLAS_OTEL_QUIET_S="0.5")
    with model_server.scripted_model() as model:
        done = subprocess.run(
            [python, str(PROGRAMS / "openai_three_signals.py")],
            env={
                "OPENAI_BASE_URL": model.url,
                "OPENAI_API_KEY": "nobody",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.base,
                "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
            },
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert (done.returncode, done.stdout.splitlines()) == (0, [ANSWER, "refused: 400"]), done.stderr
    assert "export" not in done.stderr.lower(), "no signal was refused"
    assert "retry" not in done.stderr.lower()
    over = "SELECT task, final_answer FROM sessions WHERE status = 'succeeded'"
    assert eventually(lambda: database.execute(over).fetchall() == [(TASK, ANSWER)])
    ((key,),) = database.execute("SELECT key FROM atlas_otel.sessions").fetchall()
    with PostgresStore(database_url) as store:
        rows = store.rows(key)
    assert rows is not None
    payloads = [json.loads(event.event)["payload"] for event in rows.events]
    starts, ends = ([one for one in payloads if one["event_type"] == kind] for kind in ("LLM_START", "LLM_END"))
    assert len(starts) == len(ends) == 3
    assert [message["role"] for message in starts[0]["data"]["input"]] == ["system", "user"]
    called = [part for message in ends[0]["data"]["output"] for part in message["parts"] if part["type"] == "tool_call"]
    assert [(call["id"], call["name"]) for call in called] == [("call_0", "get_weather"), ("call_1", "get_weather")]
    answered = [message for message in starts[1]["data"]["input"] if message["role"] == "tool"]
    parts = [part for message in answered for part in message["parts"]]
    assert parts == [
        {"type": "tool_call_response", "id": "call_0", "response": "sunny"},
        {"type": "tool_call_response", "id": "call_1", "response": "error: no such city"},
    ]
    assert ends[1]["data"]["output"][0]["parts"] == [{"type": "text", "content": ANSWER}]
    assert not [one for one in payloads if one["event_type"].startswith("CUSTOM")], "they are the call's own"
    assert ANSWER in rows.steps[0].trace


def test_what_a_sender_is_told(start: Callable[..., Any], database: psycopg.Connection) -> None:
    collector = start()
    as_json = {"content-type": "application/json"}
    for path in ("/v1/metrics", "/v1/logs"):
        answer = httpx.post(collector.base + path, headers=as_json, content=b"{}")
        assert answer.status_code == 200
        assert ("kept" in answer.text) == (path == "/v1/metrics")
    proto = {"content-type": "application/x-protobuf"}
    answer = httpx.post(collector.base + "/v1/metrics", headers=proto, content=b"")
    told = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert "not kept" in told.error_message
    assert httpx.post(collector.base + "/v1/logs", headers=proto, content=b"\xff\xff").status_code == 400
    assert httpx.post(collector.base + "/v1/logs", headers=as_json, content=b"[]").status_code == 400
    assert httpx.get(collector.base + "/v1/logs").status_code == 405
    assert httpx.post(collector.base + "/v1development/profiles", headers=proto, content=b"").status_code == 404
    assert database.execute("SELECT count(*) FROM atlas_otel.span_events").fetchone() == (0,)
    told = start("--durability", "memory", spool="other", ATLAS_OTEL_COLLECT_TOKEN="t")
    for path in ("/v1/metrics", "/v1/logs"):
        assert httpx.post(told.base + path, headers=as_json, content=b"{}").status_code == 401
