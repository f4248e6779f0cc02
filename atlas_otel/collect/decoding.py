"""A body → records, a part at a time, and what that takes of memory. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from atlas_otel.errors import RecordError
from atlas_otel.otlp.json import decode_tree, load_json, object_of, objects
from atlas_otel.otlp.logs import decode_logs_protobuf, decode_logs_tree
from atlas_otel.otlp.parts import MAX_ITEMS, TooMuch, parts_of
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.otlp.spans import Decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.capture.capture import Capture
    from atlas_otel.collect.answers import Encoding
    from atlas_otel.otlp.claims import Sender
    from atlas_otel.records.record import EventRecord

Signal = Literal["traces", "logs"]
_PART_SPANS: Final = 512
_MAX_REFUSED: Final = 10_000
"""A body with more spans that are none is not read to its end."""

# What decoding takes, measured with bodies of the smallest things that there are (docs/collect.md).
_OF_A_BYTE: Final = 24
_OF_A_PART: Final = 32 * 1024 * 1024
_OF_A_BYTE_IN_PARTS: Final = 3
_OF_A_VALUE: Final = 72
_OF_AN_OBJECT: Final = 256
_JSON_COUNTED: Final = 4096


def cost_of(body: bytes, encoding: Encoding) -> int:
    """How many bytes of memory decoding ``body`` takes at most, beside the body."""
    if encoding == "protobuf":
        return min(_OF_A_BYTE * len(body), _OF_A_PART + _OF_A_BYTE_IN_PARTS * len(body))
    if len(body) <= _JSON_COUNTED:
        return _OF_A_BYTE * len(body)
    values = body.count(b",") + body.count(b"[")
    return _OF_A_BYTE_IN_PARTS * len(body) + _OF_A_VALUE * values + _OF_AN_OBJECT * body.count(b"{")


def decoded_parts(
    body: bytes, signal: Signal, encoding: Encoding, capture: Capture, sender: Sender
) -> Iterator[Decoded]:
    """What a request holds. Raises RecordError where it is none, TooMuch where it holds more than a body may: parts
    that came before that have been yielded."""
    refused = 0
    parts = _json_parts if encoding == "json" else _protobuf_parts
    for decoded in parts(body, signal, capture, sender):
        refused += decoded.refused
        if refused > _MAX_REFUSED:
            raise RecordError(f"over {_MAX_REFUSED} spans of the body are none")
        yield decoded


def _protobuf_parts(body: bytes, signal: Signal, capture: Capture, sender: Sender) -> Iterator[Decoded]:
    taken: dict[tuple[str, str, int], EventRecord] = {}
    for part in parts_of(body):
        if signal == "logs":
            yield Decoded([*decode_logs_protobuf(part.message, capture, sender, taken)], 0, 0, ())
            continue
        decoded = decode_protobuf(part.message, capture, sender)
        if part.refused:
            reasons = (*decoded.reasons, "a span has too many attributes, events or links")
            decoded = decoded._replace(refused=decoded.refused + part.refused, reasons=reasons)
        yield decoded


def _json_parts(body: bytes, signal: Signal, capture: Capture, sender: Sender) -> Iterator[Decoded]:
    tree = load_json(body)
    if signal == "logs":
        if not isinstance(tree, dict) or not isinstance(tree.get("resourceLogs") or [], list):
            raise RecordError("the JSON is not an ExportLogsServiceRequest")
        yield decode_logs_tree(tree, capture, sender)
        return
    scopes = [
        (of_resource, of_scope)
        for of_resource in objects(object_of(tree).get("resourceSpans"))
        for of_scope in objects(of_resource.get("scopeSpans"))
    ]
    counts = [len(spans) for _, of_scope in scopes if isinstance(spans := of_scope.get("spans"), list)]
    if sum(counts) > MAX_ITEMS:
        raise TooMuch(f"the body holds over {MAX_ITEMS} spans; send it in several")
    if sum(counts) <= _PART_SPANS or len(counts) < len(scopes):
        yield decode_tree(tree, capture, sender)  # which also says what is wrong with it
        return
    for of_resource, of_scope in scopes:
        spans = of_scope["spans"]
        for begin in range(0, len(spans), _PART_SPANS):
            some = {**of_scope, "spans": spans[begin : begin + _PART_SPANS]}
            yield decode_tree({"resourceSpans": [{**of_resource, "scopeSpans": [some]}]}, capture, sender)
