"""A message of Kafka as rows: what it holds, or why it is refused; nothing is dropped in silence."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atlas_otel import semconv
from atlas_otel.capture.capture import Capture
from atlas_otel.errors import ConfigError
from atlas_otel.lake import schema
from atlas_otel.lake.location import Location, locate
from atlas_otel.lake.spark import jdbc_url, spark_settings, table_name
from atlas_otel.lake.stream import _counts_nothing
from atlas_otel.lake.stream_rows import (
    MESSAGE_COLUMN,
    REASON_COLUMN,
    TABLE_COLUMN,
    rows_of_message,
    rows_of_messages,
    spark_schema,
)
from atlas_otel.settings import resolve

pa = pytest.importorskip("pyarrow")
SETTINGS = resolve({}, {})
CAPTURE = Capture.from_settings(SETTINGS, on_loss=lambda _: None)


def message(*names: str) -> bytes:
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add()
    for number, name in enumerate(names):
        span = scope.spans.add(trace_id=b"\1" * 16, span_id=bytes([number + 1] * 8), name=name)
        span.start_time_unix_nano, span.end_time_unix_nano = 1_700_000_000_000_000_000, 1_700_000_000_000_000_005
        span.attributes.add(key=semconv.ATLAS_SESSION_ID).value.string_value = "s" * 32
    return made.SerializeToString()


def test_a_request_is_its_spans() -> None:
    rows = rows_of_message(message("a", "é"), CAPTURE)
    assert [table for table, _ in rows] == [schema.SPANS, schema.SPANS]
    assert [row[5] for _, row in rows] == ["a", "é"]
    assert {row[0] for _, row in rows} == {"s" * 32}


def test_what_is_no_request_is_kept_as_it_came() -> None:
    ((table, refused),) = rows_of_message(b"no request", CAPTURE)
    assert (table, refused[1]) == ("refused", b"no request")
    assert "not an ExportTraceServiceRequest" in refused[0]
    assert rows_of_message(None, CAPTURE) == []


def test_spans_that_are_none_are_said() -> None:
    made = ExportTraceServiceRequest.FromString(message("a", "b"))
    made.resource_spans[0].scope_spans[0].spans[1].span_id = b"\1"
    tables = [table for table, _ in rows_of_message(made.SerializeToString(), CAPTURE)]
    assert tables == [schema.SPANS, "refused"]


def test_batches_have_the_columns_that_spark_is_told_of() -> None:
    taken = pa.RecordBatch.from_pydict({"value": [message("a"), b"no request", None]})
    batches = list(rows_of_messages(SETTINGS)(iter([taken])))
    told = [column.split()[0] for column in spark_schema().split(", ")]
    assert all(batch.schema.names == told for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row[TABLE_COLUMN] for row in rows] == [schema.SPANS, "refused"]
    assert rows[1][REASON_COLUMN]
    assert rows[1][MESSAGE_COLUMN] == b"no request"
    for name in (schema.SPANS, schema.SPAN_EVENTS):
        for field in schema.arrow_schema(name):
            assert batches[0].schema.field(field.name).type == field.type


def test_spark_is_told_of_the_same_lake() -> None:
    assert table_name(schema.SPANS) == "atlas.atlas_otel.spans"
    settings = spark_settings(locate("/data/lake", env={}), {})
    assert settings["spark.sql.catalog.atlas.uri"] == "jdbc:sqlite:/data/lake/catalog.db"
    assert settings["spark.sql.catalog.atlas.warehouse"] == "file:///data/lake"
    env = {"AWS_ENDPOINT_URL_S3": "http://s3", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "x"}
    bucket = spark_settings(locate("s3://b/p", "postgresql://u:p%40@h:5433/d?sslmode=require", env={}), env)
    assert bucket["spark.sql.catalog.atlas.uri"] == (
        "jdbc:postgresql://h:5433/d?user=u&password=p%40&sslmode=require&currentSchema=atlas_otel_lake"
    )
    assert bucket["spark.sql.catalog.atlas.io-impl"].endswith("S3FileIO")
    assert bucket["spark.sql.catalog.atlas.s3.endpoint"] == "http://s3"
    assert bucket["spark.sql.catalog.atlas.s3.path-style-access"] == "true"
    assert bucket["spark.sql.catalog.atlas.client.region"] == "us-east-1"


def test_a_catalog_behind_a_socket_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="reaches its catalog by TCP"):
        jdbc_url(Location("file:///l", "host=/tmp/socket dbname=d"))


def test_only_sparks_own_slip_has_the_stream_started_again() -> None:
    slip = (
        '[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: Cannot invoke "scala.collection.'
        'IterableOps.map(scala.Function1)" because the return value of "scala.Option.get()" is null'
    )
    assert _counts_nothing(RuntimeError(slip))
    assert not _counts_nothing(RuntimeError("[STREAM_FAILED] Query terminated with exception: no bucket"))
