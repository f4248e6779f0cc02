"""Protobuf and OTLP's own messages, which are an extra: without them an error says what to install."""

from __future__ import annotations

from atlas_otel.errors import ConfigError

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
    from opentelemetry.proto.common.v1 import common_pb2
    from opentelemetry.proto.resource.v1 import resource_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2
except ImportError:
    raise ConfigError("to read OTLP takes its messages: pip install 'atlas-otel[otlp]'") from None

__all__ = ["common_pb2", "descriptor_pb2", "descriptor_pool", "message_factory", "resource_pb2", "trace_pb2"]
