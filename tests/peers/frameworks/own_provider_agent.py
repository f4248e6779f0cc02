"""The weather agent in a program whose tracing library sets a provider of its own, or none (``bare``).

Prints what that library's backend got: the spans' names, sorted, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable

import openai_agent
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()


def _seen() -> list[str]:
    return [span.name for span in exporter.get_finished_spans()]


def _logfire() -> Callable[[], list[str]]:
    import logfire

    processor = SimpleSpanProcessor(exporter)
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[processor])
    logfire.instrument_openai()
    return _seen


def _phoenix() -> Callable[[], list[str]]:
    from phoenix.otel import register

    endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
    provider = register(endpoint=endpoint, protocol="http/protobuf", batch=False, auto_instrument=True, verbose=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter), replace_default_processor=False)
    return _seen


def _openlit() -> Callable[[], list[str]]:
    import openlit

    openlit.init(otlp_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], disable_batch=True, disable_metrics=True)
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))  # type: ignore[attr-defined]
    return _seen


def _mlflow() -> Callable[[], list[str]]:
    os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")  # else MLflow exports there, and keeps nothing itself
    import mlflow

    folder = tempfile.mkdtemp()
    os.chdir(folder)  # its artifacts go to ./mlruns
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.openai.autolog()

    def seen() -> list[str]:
        mlflow.flush_trace_async_logging()
        return [span.name for one in mlflow.search_traces(return_type="list") for span in one.data.spans]

    return seen


LIBRARIES = {"logfire": _logfire, "phoenix": _phoenix, "openlit": _openlit, "mlflow": _mlflow}

if __name__ == "__main__":
    seen = LIBRARIES[sys.argv[1]]()
    with trace.get_tracer("weather").start_as_current_span("weather agent"):
        openai_agent.main()
    print(json.dumps(sorted(seen())))
