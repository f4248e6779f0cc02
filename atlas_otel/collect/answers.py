"""The bodies of answers, as the OTLP specification demands them: in the encoding of the request. Pure."""

from __future__ import annotations

from typing import Final, Literal

import orjson

Encoding = Literal["protobuf", "json"]

CONTENT_TYPES: Final[dict[str, Encoding]] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}
_CODES: Final = {
    400: 3,  # INVALID_ARGUMENT
    401: 16,  # UNAUTHENTICATED
    404: 12,  # UNIMPLEMENTED
    405: 12,
    413: 3,
    415: 3,
    429: 8,  # RESOURCE_EXHAUSTED
    500: 13,  # INTERNAL
    503: 14,  # UNAVAILABLE
}
"""google.rpc.Code by HTTP status."""


def content_type(encoding: Encoding) -> str:
    """What an answer in this encoding is labelled."""
    return "application/json" if encoding == "json" else "application/x-protobuf"


def success(encoding: Encoding, *, refused: int, message: str) -> bytes:
    """``ExportTraceServiceResponse``: all was taken, but for ``refused`` spans, which must not be sent again.

    With a message and none refused, it is a warning; those of the other signals have that form too.
    """
    if encoding == "json":
        partial = {"errorMessage": message} | ({"rejectedSpans": str(refused)} if refused else {})
        return orjson.dumps({"partialSuccess": partial} if message else {})
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    response = ExportTraceServiceResponse()
    if message:
        response.partial_success.rejected_spans = refused
        response.partial_success.error_message = message
    return bytes(response.SerializeToString())


def failure(encoding: Encoding, status: int, message: str) -> bytes:
    """``google.rpc.Status``."""
    code = _CODES.get(status, 2)
    if encoding == "json":
        return orjson.dumps({"code": code, "message": message})
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

    return bytes(Status(code=code, message=message).SerializeToString())
