"""MLflow's ``@trace`` in a span of its own, with its processor for OTLP and an exporter that drops what it gets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://127.0.0.1:9/v1/traces"  # else it wants a tracking server

import mlflow
from mlflow.tracing import provider

from benchmarks.peering import Peer
from benchmarks.task import RESULT, Argument, Counting

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


def prepare(variant: str) -> Peer:
    """The decorator under its own provider."""
    exporter = Counting()

    def dropping() -> SpanExporter:
        return exporter

    provider.get_otlp_exporter = dropping

    @mlflow.trace(span_type="TOOL")
    def search(argument: Argument) -> str:
        return RESULT

    return Peer(
        "mlflow-tracing",
        search,
        lambda: exporter.spans,
        exporter.whole,
        around=lambda: mlflow.start_span("invoke_agent"),
        per_round=1,
        settle=lambda: provider.get_bridged_tracer_provider().force_flush(),
    )
