"""What the background thread pays to encode a span: our record into the bytes of a COPY, beside the span in OTLP.

Both start from what a background thread is handed: ours from `SpanRecord`s, OpenTelemetry's from `ReadableSpan`s with
the same names, times, ids and attributes, 512 at a time, which is what a `BatchSpanProcessor` and our drain take. One
side ends with the bytes of a binary COPY; the other with those of an `ExportTraceServiceRequest`, made by the encoder
that OpenTelemetry's own exporters use. Counted is the CPU time of the thread. Nothing is sent, compressed or waited
for. Every round has texts that nobody has encoded before: Python keeps a text's UTF-8, and a second time costs little.

The goal is for the encoding alone, of spans of 2 KB. In `spool` the drain has to make the record first: its bytes in
the segment file are checked and decoded. That, and the merging and ordering of a batch, are in lines of their own; and
so are spans of 20 KB, where the UTF-8 of the text takes most of the time on both sides.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson
import psycopg
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.delivery.spool_record import pack_record, unpack_record
from atlas_otel.delivery.spool_segment import checksum_of
from atlas_otel.otlp.protobuf import decode_protobuf
from atlas_otel.postgres import copy_buffer, rows
from atlas_otel.postgres.batch import merged
from atlas_otel.postgres.reader import read_spans_of
from atlas_otel.records.record import SpanRecord
from benchmarks.cases._runs import Run
from benchmarks.finding import Finding
from benchmarks.measuring import alternate_both, ratio
from benchmarks.postgres import server
from benchmarks.task import messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.options import Options

_SPANS = 512
_OTLP = "OTLP encoding of the same span"
_COLUMNS = ", ".join((*rows.SPAN_COLUMNS, "revision"))


def measure(options: Options) -> Iterable[Finding]:
    """Spans of two sizes, each from the record, from a batch that has to be merged, and from the spool."""
    for size, argument, goal in (
        ("2 KB", '{"query":"open tickets"}', 1 / 8),
        ("22 KB", orjson.dumps(messages(20 * 1024)).decode(), None),
    ):
        spans = _spans(argument)
        checked = _check(spans)
        batch = _Batch(spans)
        _, cpu = alternate_both(
            {
                "otlp": lambda batch=batch: encode_spans(batch.readable).SerializeToString(),  # type: ignore[misc]
                "copy": lambda batch=batch: _copied(batch.records),  # type: ignore[misc]
                "merged": lambda batch=batch: _copied(merged(batch.records)[0].spans),  # type: ignore[misc]
                "spool": partial(_from_spool, batch.spooled),
            },
            options.rounds * options.pick(3, 1),
            between=batch.renew,
        )
        lines = {
            "copy": (f"background CPU of a span of {size}, record → bytes for COPY", goal),
            "merged": (f"the same of {size}, its batch merged and ordered before", None),
            "spool": (f"the same of {size}, and before that checked and decoded from the spool", None),
        }
        for side, (path, bound) in lines.items():
            yield Finding(path, _OTLP, bound, ratio(cpu[side], cpu["otlp"]), checked=checked)


class _Batch:
    """A batch as each side is handed it: made anew before each turn."""

    def __init__(self, spans: list[SpanRecord]) -> None:
        self._spans = spans
        self.spooled = [(checksum_of(data), data) for data in map(pack_record, spans)]
        self.renew()

    def renew(self) -> None:
        """The same content, in texts that have not been encoded yet."""
        self.records = [span._replace(attributes=_fresh(span)) for span in self._spans]
        self.readable = [_readable(span) for span in self._spans]


def _fresh(span: SpanRecord) -> dict[str, str]:
    return {key: str(value).encode().decode() for key, value in span.attributes.items()}


def _readable(span: SpanRecord) -> ReadableSpan:
    trace_id = int(span.trace_id, 16)
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return ReadableSpan(
        span.name,
        SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=sampled),
        SpanContext(trace_id, int(span.parent_span_id or "0", 16), is_remote=False, trace_flags=sampled),
        Resource(span.resource),
        _fresh(span),
        kind=SpanKind(span.span_kind),
        status=Status(StatusCode(span.status)),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope(span.scope),
    )


def _spans(argument: str) -> list[SpanRecord]:
    run = Run(0, "encoding")
    root = run.session()
    asked = {semconv.GEN_AI_TOOL_NAME: "search", semconv.GEN_AI_TOOL_CALL_ARGUMENTS: argument}
    return [
        run.end(run.start("tool", root, **asked), **{semconv.GEN_AI_TOOL_CALL_RESULT: run.said()})
        for _ in range(_SPANS)
    ]


def _copied(spans: Iterable[SpanRecord]) -> bytes:
    resources = rows.ResourceEncoder()
    encoded = (rows.span_to_copy(span, resources, 1) for span in spans)
    return b"".join((copy_buffer.HEADER, *encoded, copy_buffer.TRAILER))


def _from_spool(spooled: list[tuple[int, bytes]]) -> bytes:
    records = [unpack_record(data) for checksum, data in spooled if checksum_of(data) == checksum]
    return _copied(merged(records)[0].spans)


def _check(spans: list[SpanRecord]) -> str:
    """Postgres takes the bytes and gives the spans back; OTLP's hold the same. Raises RuntimeError."""
    batch = _Batch(spans)
    wanted = [_told(span) for span in spans]
    with server() as postgres, psycopg.connect(postgres.database(), autocommit=True) as connection:
        for copied in (_copied(batch.records), _from_spool(batch.spooled)):
            with connection.cursor().copy(f"COPY atlas_otel.spans ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(copied)
            found = sorted(read_spans_of(connection, spans[0].trace_id))
            if [_told(span) for span in found] != wanted:
                raise RuntimeError("Postgres has other spans than the records")
            connection.execute("TRUNCATE atlas_otel.spans")
    sent = decode_protobuf(encode_spans(batch.readable).SerializeToString(), Capture()).records
    if [_told(span) for span in sent if isinstance(span, SpanRecord)] != wanted:
        raise RuntimeError("OTLP has other spans than the records")
    return f"{len(spans)} spans came back from Postgres, and from OTLP, with every attribute"


def _told(span: SpanRecord) -> tuple[object, ...]:
    """What both sides hold of a span."""
    ids = span.trace_id, span.span_id, span.parent_span_id
    return (*ids, span.name, span.span_kind, span.start_ns, span.end_ns, span.status, span.scope, span.attributes)
