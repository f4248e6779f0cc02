"""OTLP as it comes in, decoded up to what COPY is sent, beside the least that any receiver does with it.

That least is to parse the request with the generated classes of ``opentelemetry-proto`` (upb, in C) and to read every
field of every span into a tuple, attributes into dicts: nothing is checked, normalised or bounded, and there are no
rows. Ours ends with the bytes of a binary COPY. A request holds 512 spans of model calls in one trace, each with 1.5 KB
in eleven attributes: prompts, answers and counts that differ, names that don't.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atlas_otel.capture.capture import Capture
from atlas_otel.otlp.json import decode_json
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.postgres import rows
from atlas_otel.records.record import SpanRecord
from benchmarks.finding import Finding
from benchmarks.measuring import alternate, rate_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from atlas_otel.otlp.spans import Decoded
    from benchmarks.options import Options

_SPANS = 512
_FIRST_NS = 1_700_000_000_000_000_000
_WALK = "upb decode and a walk over every field"


def measure(options: Options) -> Iterable[Finding]:
    """Protobuf to COPY, which has the goal; its first half; and the same of JSON."""
    request = _request()
    body, text = request.SerializeToString(), _json(request)
    capture = Capture()
    decoded = decode_protobuf(body, capture)
    _check(decoded, body)
    if decoded.records != decode_json(text, capture).records:
        raise RuntimeError("protobuf and JSON came to different records")
    taken = alternate(
        {
            "walk": lambda: _walk(body),
            "copy": lambda: _copied(decode_protobuf(body, capture)),
            "records": lambda: decode_protobuf(body, capture),
            "json": lambda: _copied(decode_json(text, capture)),
        },
        options.rounds * options.pick(3, 1),
        warm=2,
    )
    checked = f"every field of {_SPANS} spans is in the records, and each has its row"
    paths = {
        "copy": ("OTLP/protobuf ingest, decode to COPY buffer", 0.7),
        "records": ("the same, decode to records alone", None),
        "json": ("OTLP/JSON ingest, decode to COPY buffer", None),
    }
    for side, (path, goal) in paths.items():
        yield Finding(path, _WALK, goal, rate_ratio(taken[side], taken["walk"]), better="higher", checked=checked)


def _copied(decoded: Decoded) -> list[bytes]:
    """The rows as COPY takes them."""
    resources = rows.ResourceEncoder()
    return [rows.span_to_copy(record, resources, None) for record in decoded.records if isinstance(record, SpanRecord)]


def _check(decoded: Decoded, body: bytes) -> None:
    """Whether what is stored is what a walk reads. Raises RuntimeError."""
    kept = [
        (bytes.fromhex(record.trace_id), bytes.fromhex(record.span_id), record.name, record.start_ns, record.attributes)
        for record in decoded.records
        if isinstance(record, SpanRecord)
    ]
    if kept != [(span[0], span[1], span[3], span[5], span[7]) for span in _walk(body)]:
        raise RuntimeError("the records are not what was sent")
    if len(_copied(decoded)) != _SPANS:
        raise RuntimeError("not every span has a row")


# --- the least ----------------------------------------------------------------------------------------------------


def _walk(body: bytes) -> list[tuple[Any, ...]]:
    found = []
    for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            scope = of_scope.scope.name
            for span in of_scope.spans:
                status = span.status
                found.append(
                    (
                        span.trace_id,
                        span.span_id,
                        span.parent_span_id,
                        span.name,
                        span.kind,
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        _attributes(span.attributes),
                        [(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events],
                        [(link.trace_id, link.span_id, _attributes(link.attributes)) for link in span.links],
                        status.code,
                        status.message,
                        span.dropped_attributes_count,
                        span.dropped_events_count,
                        span.dropped_links_count,
                        scope,
                        resource,
                    )
                )
    return found


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, which)


# --- a request ----------------------------------------------------------------------------------------------------


def _request() -> Any:
    chance = random.Random(5)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(2000)]

    def text(count: int) -> str:
        return " ".join(chance.choices(words, k=count))

    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    for key, value in {"service.name": "desk", "telemetry.sdk.language": "python", "process.pid": 17}.items():
        _put(of_resource.resource.attributes, key, value)
    of_scope = of_resource.scope_spans.add(scope={"name": "opentelemetry.instrumentation.openai_v2"})
    trace_id, parent = chance.randbytes(16), chance.randbytes(8)
    for number in range(_SPANS):
        start = _FIRST_NS + number * 1_000_000
        span = of_scope.spans.add(
            trace_id=trace_id,
            span_id=chance.randbytes(8),
            parent_span_id=parent,
            name="chat gpt-5-mini",
            kind=3,
            start_time_unix_nano=start,
            end_time_unix_nano=start + 900_000,
        )
        _fill(span.attributes, chance, text)
    return request


def _fill(attributes: Any, chance: random.Random, text: Callable[[int], str]) -> None:
    values: dict[str, object] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.response.model": "gpt-5-mini-2025-08-07",
        "gen_ai.response.id": f"chatcmpl-{chance.randbytes(12).hex()}",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": chance.randint(100, 4000),
        "gen_ai.usage.output_tokens": chance.randint(10, 500),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": text(120)}]}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": text(80)}]}]),
    }
    for key, value in values.items():
        _put(attributes, key, value)


def _put(attributes: Any, key: str, value: object) -> None:
    held = attributes.add(key=key).value
    if isinstance(value, list):
        for item in value:
            held.array_value.values.add(string_value=item)
    elif isinstance(value, int):
        held.int_value = value
    elif isinstance(value, float):
        held.double_value = value
    else:
        held.string_value = value


def _json(request: Any) -> bytes:
    """The request in OTLP/JSON: protobuf's mapping, but ids in hex."""
    tree = MessageToDict(request)
    spans = request.resource_spans[0].scope_spans[0].spans
    for span, shown in zip(spans, tree["resourceSpans"][0]["scopeSpans"][0]["spans"], strict=True):
        ids = {"traceId": span.trace_id.hex(), "spanId": span.span_id.hex(), "parentSpanId": span.parent_span_id.hex()}
        shown.update(ids)
    return json.dumps(tree).encode()
