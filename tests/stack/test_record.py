"""Collector → collect → Postgres with the files that compose mounts; and a trace back out of the real Jaeger."""

from __future__ import annotations

import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from processes import Collect, Collector, Jaeger, eventually

from atlas_otel import semconv
from atlas_otel.cli import main

SESSION = "e" * 32


@pytest.fixture
def collect_endpoint(collect: Collect) -> str:
    return collect.endpoint


def test_what_the_collector_takes_is_recorded_whole_while_each_is_killed_once(
    collect: Collect, collector: Collector, jaeger: Jaeger, database_url: str
) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.endpoint}/v1/traces", timeout=30)))
    tracer = provider.get_tracer("sender")
    sent: list[str] = []
    filler = "x" * 64_000  # more than Jaeger's storage takes, less than a string may have in ours
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

        eventually(lambda: stored() == sorted(sent), seconds=60, what="every span is in Postgres")
        longest = "SELECT DISTINCT length(attributes ->> 'f') FROM atlas_otel.spans"
        assert database.execute(longest).fetchall() == [(len(filler),)]
        sessions = "SELECT count(*) FROM sessions"
        eventually(lambda: database.execute(sessions).fetchone() == (1,), seconds=60, what="one session")

        eventually(lambda: jaeger.spans(trace_id), seconds=60, what="Jaeger has the trace")
        back = ["--jaeger-url", f"http://127.0.0.1:{jaeger.ui_port}", "--trace-id", trace_id]
        assert main(["import", "--database-url", database_url, *back]) == 0
        assert stored() == sorted(sent)
