"""OTLP's messages for traces, with attributes left as bytes.

Each message within a message that is looked at costs Python an object, and an attribute is two. ``repeated KeyValue``
and ``repeated bytes`` are the same on the wire: so a span's attributes come as a list of bytes, and those that were
seen before need not be read again.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from atlas_otel.otlp.messages import (
    common_pb2,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    resource_pb2,
    trace_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@cache
def request_class() -> Any:
    """The class of ``TracesData``, which on the wire is an ``ExportTraceServiceRequest`` too."""
    file = descriptor_pb2.FileDescriptorProto.FromString(trace_pb2.DESCRIPTOR.serialized_pb)
    _attributes_as_bytes(file.message_type)
    pool = descriptor_pool.DescriptorPool()
    for imported in (common_pb2, resource_pb2):
        pool.AddSerializedFile(imported.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.TracesData"))


def _attributes_as_bytes(messages: Iterable[Any]) -> None:
    for message in messages:
        _attributes_as_bytes(message.nested_type)
        for field in message.field:
            if field.name == "attributes":
                field.type = field.TYPE_BYTES
                field.ClearField("type_name")
