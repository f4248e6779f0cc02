"""``doctor`` as a program: in order, and with each part of the way broken for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

SECRET = "hunter2"


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ATLAS_"))}
    return {**kept, "ATLAS_OTEL_DATABASE_URL": database_url, "ATLAS_OTEL_SPOOL_DIR": str(tmp_path / "spool")}


def doctor(env: dict[str, str], *arguments: str, cwd: Path | None = None) -> tuple[int, dict[str, dict[str, Any]], str]:
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "doctor", "--json", *arguments],
        env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is (done.returncode == 0)
    return done.returncode, {one["what"]: one for one in found["findings"]}, done.stdout + done.stderr


def counts(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM atlas_otel.sessions),"
            " (SELECT count(*) FROM atlas_otel.spans), (SELECT count(*) FROM trajectory_events)"
        ).fetchall()


def test_all_is_well_and_the_probe_is_gone(env: dict[str, str], database_url: str) -> None:
    code, found, _ = doctor(env)
    assert code == 0, found
    for what in ("settings", "database", "schema", "sessions", "backlog", "poison", "spool", "provider"):
        assert found[what]["grade"] == "OK", found[what]
    for what in ("emit", "row", "line", "probe", "jaeger", "accounts"):
        assert found[what]["grade"] == "OK", found[what]
    assert found["rights"]["grade"] == "WARN", "the tests' role is a superuser"
    assert "dropped: nothing" in found["accounts"]["said"]
    assert counts(database_url) == [(0, 0, 0, 0)]


def test_it_is_one_screen_of_text(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "doctor"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") <= 24
    assert "OK    row" in done.stdout


def test_without_a_probe_nothing_is_written(env: dict[str, str], database_url: str) -> None:
    code, found, _ = doctor(env, "--no-probe")
    assert code == 0
    assert "emit" not in found


def test_a_database_that_is_away_is_said_without_its_password(env: dict[str, str]) -> None:
    code, found, said = doctor({**env, "ATLAS_OTEL_DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:9/none"})
    assert code == 1
    assert found["database"]["grade"] == "FAIL"
    assert found["database"]["todo"]
    assert "row" not in found
    assert SECRET not in said


def test_no_database_is_named(env: dict[str, str]) -> None:
    code, found, _ = doctor({k: v for k, v in env.items() if k != "ATLAS_OTEL_DATABASE_URL"})
    assert code == 1
    assert "ATLAS_OTEL_DATABASE_URL" in found["database"]["todo"]


def test_a_schema_that_lacks(env: dict[str, str], empty_database_url: str) -> None:
    code, found, _ = doctor({**env, "ATLAS_OTEL_DATABASE_URL": empty_database_url})
    assert code == 1
    assert found["schema"]["todo"] == "run: atlas-otel db init"


def test_what_stands_still_is_said(env: dict[str, str], database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO atlas_otel.poison (record, reason) VALUES ('\\x00', 'no')")
        connection.execute(
            "INSERT INTO atlas_otel.sessions (key, revision, projected_revision, projection_error)"
            " VALUES ('a', 1, 1, 'ValueError: x')"
        )
    code, found, _ = doctor(env)
    assert code == 1
    assert found["poison"]["grade"] == "WARN"
    assert found["projection"]["grade"] == "FAIL"


@pytest.mark.parametrize(
    ("sampler", "limits", "grades"),
    [("ALWAYS_OFF", "max_span_attributes=4", ("WARN", "WARN")), ("ALWAYS_ON", "", ("OK", "OK"))],
)
def test_what_an_adopted_provider_does_to_others_spans(
    env: dict[str, str], tmp_path: Path, sampler: str, limits: str, grades: tuple[str, str]
) -> None:
    (tmp_path / "my_program.py").write_text(
        "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import SpanLimits, TracerProvider\n"
        f"from opentelemetry.sdk.trace.sampling import {sampler}\n"
        f"trace.set_tracer_provider(TracerProvider(sampler={sampler}, span_limits=SpanLimits({limits})))\n"
    )
    code, found, _ = doctor(env, "--app", "my_program", cwd=tmp_path)
    assert code == 0, found
    assert (found["provider"]["grade"], found["limits"]["grade"]) == grades
    assert found["row"]["grade"] == "OK", "our own spans are stored in any case"


def test_a_module_that_is_not_there_is_a_wrong_call(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "atlas_otel", "doctor", "--app", "no_such_program"],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no_such_program" in done.stderr


class _Backend(BaseHTTPRequestHandler):
    """An OTLP receiver and Jaeger's query API in one: it shows the traces that it was sent."""

    traces: dict[str, int]

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    key = span.trace_id.hex()
                    self.traces[key] = self.traces.get(key, 0) + 1
        self._answer(200, b"")

    def do_GET(self) -> None:
        known = self.traces.get(self.path.rpartition("/")[2])
        spans = [{"name": "x"}] * (known or 0)
        body = json.dumps({"result": {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}}).encode()
        self._answer(200 if known else 404, body)

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def backend() -> Iterator[str]:
    handler = type("Handler", (_Backend,), {"traces": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_way_to_jaeger(env: dict[str, str], backend: str) -> None:
    """A stand-in for Jaeger's answers; ``tests/stack`` has the real one."""
    sent = {**env, "OTEL_EXPORTER_OTLP_ENDPOINT": backend, "ATLAS_OTEL_JAEGER_URL": backend}
    code, found, _ = doctor(sent)
    assert code == 0, found
    assert found["collector"]["grade"] == "OK"
    assert "shows the probe's 3 spans" in found["jaeger"]["said"]


def test_a_collector_that_is_away_fails_and_the_row_is_there(env: dict[str, str]) -> None:
    code, found, said = doctor({**env, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://u:{SECRET}@127.0.0.1:9"})
    assert code == 1
    assert found["collector"]["grade"] == "FAIL"
    assert found["row"]["grade"] == "OK"
    assert SECRET not in said


def test_what_the_sampler_leaves_out_is_no_failure(env: dict[str, str], backend: str) -> None:
    sent = {**env, "OTEL_EXPORTER_OTLP_ENDPOINT": backend, "ATLAS_OTEL_JAEGER_URL": backend}
    code, found, _ = doctor({**sent, "OTEL_TRACES_SAMPLER": "always_off"})
    assert code == 0
    assert found["jaeger"]["grade"] == "WARN"


def test_model_calls_in_a_form_that_nobody_reads_are_counted_in_the_database(
    env: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    """Whichever process took them in."""
    names = {"acme.model": "m", "acme.prompt_tokens": 3, "acme.messages": "[]"}
    about = [{"key": key, "value": {"stringValue": str(value)}} for key, value in names.items()]
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "call", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    scope = {"scope": {"name": "acme"}, "spans": [{**span, "attributes": about}]}
    file = tmp_path / "spans.json"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [scope]}]}))
    imported = [sys.executable, "-m", "atlas_otel", "import", str(file), "--database-url", database_url]
    subprocess.run(imported, env=env, capture_output=True, timeout=60, check=False)
    _, found, _ = doctor(env, "--no-probe")
    assert found["dialects"]["grade"] == "WARN"
    assert "1 spans of acme" in found["dialects"]["said"]
