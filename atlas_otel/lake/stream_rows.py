"""A message of Kafka, an OTLP request, as rows of a lake: what the stream's executors run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.capture.capture import Capture
from atlas_otel.collect.decoding import decoded_parts
from atlas_otel.errors import RecordError
from atlas_otel.lake import schema
from atlas_otel.otlp.claims import ANYBODY
from atlas_otel.otlp.parts import TooMuch
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from atlas_otel.lake.schema import Row
    from atlas_otel.records.record import Record
    from atlas_otel.settings import Settings

REFUSED: Final = "refused"
TABLE_COLUMN: Final = "of_table"
REASON_COLUMN: Final = "reason"
MESSAGE_COLUMN: Final = "message"
_TYPES: Final = {"string": "string", "int": "int", "long": "bigint", "timestamptz": "timestamp"}


def spark_schema() -> str:
    """The columns of what :func:`rows_of_messages` makes, in Spark's words: those of both tables, all optional."""
    columns = {column.name: column.type for name in _TABLES for column in schema.COLUMNS[name]}
    ours = (f"{TABLE_COLUMN} string", f"{REASON_COLUMN} string", f"{MESSAGE_COLUMN} binary")
    return ", ".join([*ours, *(f"{name} {_TYPES[kind]}" for name, kind in columns.items())])


def rows_of_messages(settings: Settings) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """What Spark's ``mapInArrow`` takes: Arrow batches with a column ``value`` in, rows for both tables out.

    ``settings`` say what may be kept. What cannot be read or kept is a row for the table ``refused``, with its reason:
    a message as it came, or a record's name.
    """

    def made(batches: Iterator[Any]) -> Iterator[Any]:
        capture = Capture.from_settings(settings, on_loss=lambda _: None)
        for batch in batches:
            for value in batch.column("value").to_pylist():
                yield from _batches(rows_of_message(value, capture))

    return made


_TABLES: Final = (schema.SPANS, schema.SPAN_EVENTS)


def rows_of_message(value: bytes | None, capture: Capture) -> list[tuple[str, Row | tuple[str, bytes]]]:
    """The rows of one message, each with its table; a refused one is its reason and what was refused."""
    if value is None:
        return []
    rows: list[tuple[str, Row | tuple[str, bytes]]] = []
    try:
        for decoded in decoded_parts(value, "traces", "protobuf", capture, ANYBODY):
            rows += [_row(record) for record in decoded.records]
            if decoded.refused:
                rows.append((REFUSED, (decoded.message, b"")))
    except (RecordError, TooMuch) as error:
        return [(REFUSED, (str(error), value))]
    return rows


def _row(record: Record) -> tuple[str, Row | tuple[str, bytes]]:
    try:
        if isinstance(record, EventRecord):
            return schema.SPAN_EVENTS, schema.event_to_row(record)
        return schema.SPANS, schema.span_to_row(record)
    except RecordError as error:
        return REFUSED, (str(error), f"{record.trace_id}/{record.span_id}".encode())


def _batches(rows: Iterable[tuple[str, Any]]) -> Iterator[Any]:
    import pyarrow as pa

    made: list[dict[str, Any]] = []
    for table, row in rows:
        if table == REFUSED:
            made.append({TABLE_COLUMN: table, REASON_COLUMN: row[0], MESSAGE_COLUMN: row[1]})
        else:
            names = (column.name for column in schema.COLUMNS[table])
            made.append({TABLE_COLUMN: table, **dict(zip(names, row, strict=True))})
    if made:
        yield pa.RecordBatch.from_pylist(made, schema=_arrow_schema())


def _arrow_schema() -> Any:
    import pyarrow as pa

    fields = {field.name: field.type for name in _TABLES for field in schema.arrow_schema(name)}
    ours = {TABLE_COLUMN: pa.string(), REASON_COLUMN: pa.string(), MESSAGE_COLUMN: pa.binary()}
    return pa.schema([(name, kind) for name, kind in {**ours, **fields}.items()])
