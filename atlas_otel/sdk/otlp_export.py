"""Whether spans are sent over OTLP, and by which exporter."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from atlas_otel.sdk.otlp_sender import OtlpSender
    from atlas_otel.settings import Settings

_log: Final = logging.getLogger("atlas_otel")
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PATH: Final = "/v1/traces"


def otlp_senders(in_force: Settings, *, owned: bool) -> list[OtlpSender]:
    """The export over OTLP, where an endpoint is known.

    On an adopted provider the environment's endpoint is taken to be served by whoever made it: only one that is given
    to us is used, so that nothing is sent twice. Raises ConfigError where an endpoint was given to us and its exporter
    is not installed; of one that only the environment names, which may be meant for others, the log says so.
    """
    stated = any(os.environ.get(name) for name in _ENDPOINTS)
    wanted = in_force.otlp_endpoint or (stated and owned)
    if not wanted or os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return []
    from atlas_otel.sdk.otlp_sender import OtlpSender

    protocol = next((p for p in (os.environ.get(name) for name in _PROTOCOLS) if p), "http/protobuf")
    try:
        exporter = _exporter(in_force.otlp_endpoint, grpc=protocol == "grpc")
    except ImportError:
        extra = "grpc" if protocol == "grpc" else "otlp"
        missing = f"the exporter for OTLP ({protocol}) is not installed: pip install 'atlas-otel[{extra}]'"
        if in_force.otlp_endpoint is not None:
            raise ConfigError(missing) from None
        _log.warning("spans are not sent: %s", missing)
        return []
    from atlas_otel.sdk.view_exporter import ViewExporter

    viewed = ViewExporter(exporter, receiver=in_force.otlp_receiver, value_bytes=in_force.jaeger_value_bytes)
    return [OtlpSender(viewed)]


def _exporter(endpoint: str | None, *, grpc: bool) -> SpanExporter:
    if grpc:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter(endpoint=endpoint)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    whole = endpoint.rstrip("/") + ("" if endpoint.rstrip("/").endswith(_PATH) else _PATH) if endpoint else None
    return HttpExporter(endpoint=whole)
