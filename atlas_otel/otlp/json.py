"""OTLP/JSON → records: ids as hex, enums as numbers or names, 64-bit integers as text or numbers."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.otlp.claims import ANYBODY
from atlas_otel.otlp.spans import Decoded, NotASpan, RawSpan, Receiver
from atlas_otel.records.record import SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.otlp.attributes import Keeper
    from atlas_otel.otlp.claims import Sender
    from atlas_otel.records.record import AttributeValue

_KINDS: Final = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}
_STATUSES: Final = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_HEX: Final = re.compile("[0-9a-fA-F]*")
_NOT_HEX: Final = "?" * 33
_NOTHING: Final[Mapping[str, Any]] = {}


def load_json(data: bytes | str) -> object:
    """What a JSON text says. Raises RecordError where it is none.

    orjson refuses lone surrogates, which JavaScript's encoder writes, and what is not UTF-8: those take the slower way.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data.decode(errors="replace") if isinstance(data, bytes) else data)
        except (ValueError, RecursionError):
            raise RecordError("the body is not JSON") from None


def decode_json(body: bytes | str, capture: Capture, sender: Sender = ANYBODY) -> Decoded:
    """The records of an ``ExportTraceServiceRequest`` (or ``TracesData``) in JSON.

    Raises RecordError where it is none.
    """
    return decode_tree(load_json(body), capture, sender)


def decode_tree(tree: object, capture: Capture, sender: Sender = ANYBODY) -> Decoded:
    """The same, of JSON that is parsed already."""
    if not isinstance(tree, dict) or not isinstance(tree.get("resourceSpans") or [], list):
        raise RecordError("the JSON is not an ExportTraceServiceRequest")
    receiver = Receiver(capture, sender)
    for of_resource in objects(tree.get("resourceSpans")):
        try:
            receiver.begin_resource(_attributes(object_of(of_resource.get("resource")).get("attributes")))
        except (NotASpan, RecursionError):
            receiver.begin_resource({})
        # "instrumentationLibrarySpans" is what it was called before OTLP 1.0; files may be as old.
        for of_scope in objects(of_resource.get("scopeSpans", of_resource.get("instrumentationLibrarySpans"))):
            scope = object_of(of_scope.get("scope", of_scope.get("instrumentationLibrary")))
            receiver.begin_scope(text(scope.get("name")))
            spans = of_scope.get("spans")
            for span in spans if isinstance(spans, list) else ():
                try:
                    receiver.add(_raw(span, receiver.keeper))
                except NotASpan as reason:
                    receiver.refuse(str(reason))
                except RecursionError:
                    receiver.refuse("an attribute is nested too deep")
    return receiver.decoded()


def _raw(span: object, keeper: Keeper) -> RawSpan:
    if not isinstance(span, dict):
        raise NotASpan("a span is not an object")
    status = object_of(span.get("status"))
    return RawSpan(
        hex_id(span.get("traceId")),
        hex_id(span.get("spanId")),
        hex_id(span.get("parentSpanId")),
        text(span.get("name")),
        _enum(span.get("kind"), _KINDS),
        integer(span.get("startTimeUnixNano")),
        integer(span.get("endTimeUnixNano")),
        _kept(span.get("attributes"), keeper),
        [
            SpanEvent(
                text(event.get("name")), integer(event.get("timeUnixNano")), _kept(event.get("attributes"), keeper)
            )
            for event in objects(span.get("events"))
        ],
        [
            SpanLink(hex_id(link.get("traceId")), hex_id(link.get("spanId")), _kept(link.get("attributes"), keeper))
            for link in objects(span.get("links"))
        ],
        _enum(status.get("code"), _STATUSES),
        text(status.get("message")),
        integer(span.get("droppedAttributesCount")),
        integer(span.get("droppedEventsCount")),
        integer(span.get("droppedLinksCount")),
    )


def objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; of anything else, none."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def object_of(value: object) -> Mapping[str, Any]:
    """``value`` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def text(value: object) -> str:
    """``value`` where it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def hex_id(value: object) -> str:
    """An id in lower case; empty where there is none, and of a length that no id has where it is not hex."""
    if not isinstance(value, str):
        return ""
    return value.lower() if _HEX.fullmatch(value) else _NOT_HEX


def integer(value: object) -> int:
    """A whole number, or its digits as text; 0 where there is none. Raises NotASpan for anything else."""
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 20:
        try:
            return int(value)
        except ValueError:
            pass
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise NotASpan("a time or a count is not a whole number")


def _enum(value: object, names: Mapping[str, int]) -> int:
    if isinstance(value, str):
        return names.get(value, 0)
    return value if isinstance(value, int) else 0


def _kept(pairs: object, keeper: Keeper) -> dict[str, AttributeValue]:
    """The attributes of a span, an event or a link."""
    if not isinstance(pairs, list):
        return {}
    pair = keeper.pair
    return dict([pair(text(one.get("key")), _value(one.get("value"))) for one in pairs if isinstance(one, dict)])


def _attributes(pairs: object) -> dict[str, AttributeValue]:
    return {text(pair.get("key")): _value(pair.get("value")) for pair in objects(pairs)}


def _value(value: object) -> AttributeValue:
    if not isinstance(value, dict):
        return None
    for name, held in value.items():
        if name == "stringValue":
            return held if type(held) is str else text(held)
        if name == "intValue":
            return integer(held)
        if name == "boolValue":
            return held is True
        if name == "doubleValue":
            return _double(held)
        if name == "arrayValue":
            return [_value(item) for item in objects(object_of(held).get("values"))]
        if name == "kvlistValue":
            return _attributes(object_of(held).get("values"))
        if name == "bytesValue":
            return _bytes(held)
    return None


def _double(value: object) -> AttributeValue:
    try:
        return float(cast("float", value))  # "NaN" and "Infinity" are written as text
    except (TypeError, ValueError, OverflowError):
        raise NotASpan("a doubleValue is not a number") from None


def _bytes(value: object) -> AttributeValue:
    try:
        # Not an attribute's type yet: capture writes bytes as it writes all bytes.
        return cast("AttributeValue", base64.b64decode(text(value)))
    except (binascii.Error, ValueError):
        raise NotASpan("a bytesValue is not base64") from None
