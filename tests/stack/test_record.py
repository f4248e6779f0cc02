"""Collector → collect → Postgres with the files that compose mounts; and a trace back out of the real Jaeger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from atlas_otel import semconv
from atlas_otel.cli import main

if TYPE_CHECKING:
    from conftest import Collector, Jaeger

SESSION = "e" * 32


class Collect:
    """``atlas-otel collect``, started again on the same port as often as a test likes."""

    def __init__(self, url: str, folder: Path) -> None:
        self._command = [sys.executable, "-m", "atlas_otel", "collect", "--database-url", url]
        self._env = {**os.environ, "ATLAS_OTEL_SPOOL_DIR": str(folder / "spool")}
        self.port = "0"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self._command, "--port", self.port], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._env
        )
        assert self.process.stdout is not None
        self.endpoint = self.process.stdout.readline().decode().split()[-1].removesuffix("/v1/traces")
        self.port = self.endpoint.rpartition(":")[2]
        self.process.stdout.close()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def collect(database_url: str, tmp_path: Path) -> Iterator[Collect]:
    collect = Collect(database_url, tmp_path)
    yield collect
    collect.kill()


@pytest.fixture
def collect_endpoint(collect: Collect) -> str:
    return collect.endpoint


def wait_for(question: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def test_what_the_collector_takes_is_recorded_whole_while_each_is_killed_once(
    collect: Collect, collector: Collector, jaeger: Jaeger, database_url: str
) -> None:
    provider = TracerProvider()
    provider.add_span_processor(
        SimpleSpanProcessor(OTLPSpanExporter(f"http://127.0.0.1:{collector.http_port}/v1/traces", timeout=30))
    )
    tracer = provider.get_tracer("sender")
    sent: list[str] = []
    filler = "x" * 100_000  # more than Jaeger's storage takes
    for number in range(60):
        with tracer.start_as_current_span("chat", attributes={semconv.ATLAS_SESSION_ID: SESSION, "f": filler}) as span:
            sent.append(f"{span.get_span_context().span_id:016x}")
        if number == 15:
            collect.kill()
        if number == 30:
            collector.kill()
            collector.start()
        if number == 45:
            collect.start()
    trace_id = f"{span.get_span_context().trace_id:032x}"
    provider.shutdown()

    with psycopg.connect(database_url, autocommit=True) as database:

        def stored() -> list[str]:
            return [row[0] for row in database.execute("SELECT span_id FROM atlas_otel.spans ORDER BY 1")]

        assert wait_for(lambda: stored() == sorted(sent))
        longest = "SELECT DISTINCT length(attributes ->> 'f') FROM atlas_otel.spans"
        assert database.execute(longest).fetchall() == [(len(filler),)]
        assert wait_for(lambda: database.execute("SELECT count(*) FROM sessions").fetchone() == (1,))

        assert wait_for(lambda: jaeger.spans(trace_id))
        back = ["--jaeger-url", f"http://127.0.0.1:{jaeger.ui_port}", "--trace-id", trace_id]
        assert main(["import", "--database-url", database_url, *back]) == 0
        assert stored() == sorted(sent)
