"""Kafka → lake, by Spark Structured Streaming: ``python -m atlas_otel.lake.stream``.

Messages are what the Collector's Kafka exporter writes (``encoding: otlp_proto``). Each micro-batch is decoded by the
executors and committed to ``spans`` and ``span_events``, each with the stream's name and the batch's number in its
snapshot. A driver that dies after a commit begins the same batch again, finds the number, and does not write it twice;
what senders or the broker repeat, by (trace id, span id, version), is not written twice either.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.errors import AtlasOtelError, UsageError
from atlas_otel.lake import schema
from atlas_otel.lake.location import ENV_CATALOG, ENV_LAKE, locate, storage_settings
from atlas_otel.lake.maintenance import STREAM_PROPERTY
from atlas_otel.lake.shipping import code_archive
from atlas_otel.lake.spark import spark_settings, table_name
from atlas_otel.lake.spark_engine import SparkEngine, translated
from atlas_otel.lake.stream_rows import REFUSED, TABLE_COLUMN, rows_of_messages, spark_schema
from atlas_otel.lake.table import open_lake
from atlas_otel.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.lake.location import Location

BATCH_PROPERTY: Final = "atlas.stream-batch"
QUERY_PROPERTY: Final = "atlas.stream-query"
"""Which checkpoint the batch's number is of: under another one, numbers begin at 0 again."""
_RESTARTS: Final = 3
_SNAPSHOT_PROPERTY: Final = "snapshot-property."
_KEYS: Final = {
    schema.SPANS: ("trace_id", "span_id", "version"),
    schema.SPAN_EVENTS: ("trace_id", "span_id", "sequence"),
}
_TIME: Final = {schema.SPANS: "start_time", schema.SPAN_EVENTS: "time"}


class StreamOptions(NamedTuple):
    """Where messages come from and how they are written. ``name``: of the stream; another one begins anew.

    ``every``: how often, as Spark says it; None: what is there now, and then end. ``most``: messages in one batch.
    ``copies``: do not look for what was written before, leave it to compaction.
    """

    brokers: str
    topic: str
    checkpoint: str
    name: str = "kafka"
    every: str | None = "30 seconds"
    most: int = 10_000
    copies: bool = False


def run(spark: Any, location: Location, options: StreamOptions) -> None:
    """Stream until it is stopped, or, without ``every``, until all that is there is written."""
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", options.brokers)
        .option("subscribe", options.topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", options.most)
        .load()
        .select("value")
    )
    rows = messages.mapInArrow(rows_of_messages(resolve({}, os.environ)), spark_schema())
    writer = _BatchWriter(spark, location, options)
    started = rows.writeStream.foreachBatch(writer.write).option("checkpointLocation", options.checkpoint)
    if options.every is not None:
        started = started.trigger(processingTime=options.every)
    for again in range(_RESTARTS, -1, -1):
        query = started.start()
        try:
            if options.every is not None:
                query.awaitTermination()
            else:
                # Not Spark's own trigger for what is there now, under which the source fails as below each time.
                query.processAllAvailable()
                query.stop()
        except Exception as error:
            if not again or not _counts_nothing(error):
                raise
        else:
            return


def _counts_nothing(error: Exception) -> bool:
    """Whether Kafka's source of Spark 4.1 failed as it counted what is left, after a batch that was begun again: the
    batch is written and noted, and the query only has to be started once more."""
    said = str(error)
    return "STREAM_FAILED" in said and "scala.Option.get()" in said and "is null" in said


class _BatchWriter:
    def __init__(self, spark: Any, location: Location, options: StreamOptions) -> None:
        self._spark = spark
        self._location = location
        self._options = options

    def write(self, batch: Any, number: int) -> None:
        """Commit a micro-batch: each table once, however often the batch is begun."""
        # The batch's session is a copy of the one that the stream was started with.
        self._spark = batch.sparkSession
        query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId")
        batch = batch.persist()
        try:
            self._keep_refused(batch.where(f"{TABLE_COLUMN} = '{REFUSED}'"), query, number)
            for table in (schema.SPAN_EVENTS, schema.SPANS):
                if self._written(table, query) < number:
                    self._append(table, batch.where(f"{TABLE_COLUMN} = '{table}'"), query, number)
        finally:
            batch.unpersist()

    def _append(self, table: str, rows: Any, query: str, number: int) -> None:
        columns = [column.name for column in schema.COLUMNS[table]]
        # The better of two is the one with the higher rank; equal ones are copies.
        ranked = ["rank", *columns] if table == schema.SPANS else columns
        order = ", ".join(f"{name} DESC" for name in ranked)
        keys = _KEYS[table]
        place = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {order}) AS place"
        chosen = rows.select(*columns).selectExpr("*", place).where("place = 1").drop("place")
        chosen = self._without_deleted(chosen)
        if not self._options.copies:
            chosen = self._without_written(table, chosen, keys)
        (
            chosen.writeTo(table_name(table))
            .option(f"{_SNAPSHOT_PROPERTY}{STREAM_PROPERTY}", self._options.name)
            .option(f"{_SNAPSHOT_PROPERTY}{QUERY_PROPERTY}", query)
            .option(f"{_SNAPSHOT_PROPERTY}{BATCH_PROPERTY}", str(number))
            .append()
        )

    def _without_deleted(self, rows: Any) -> Any:
        gone = self._spark.table(table_name(schema.TOMBSTONES))
        sessions = gone.where("kind = 'session'").selectExpr("id AS owner")
        traces = gone.where("kind = 'trace'").selectExpr("id AS trace_id")
        return rows.join(sessions, "owner", "left_anti").join(traces, "trace_id", "left_anti")

    def _without_written(self, table: str, rows: Any, keys: Sequence[str]) -> Any:
        """Rows that are not there yet: looked for on the days of this batch only."""
        time = _TIME[table]
        first, last = rows.selectExpr(f"min({time})", f"max({time})").first()
        if first is None:
            return rows
        from pyspark.sql.functions import col, lit

        there = self._spark.table(table_name(table)).where((col(time) >= lit(first)) & (col(time) <= lit(last)))
        return rows.join(there.select(*keys), list(keys), "left_anti")

    def _written(self, table: str, query: str) -> int:
        """The newest batch of this stream and checkpoint in a table; -1 where there is none."""
        row = self._spark.sql(
            f"SELECT max(CAST(summary['{BATCH_PROPERTY}'] AS BIGINT)) FROM {table_name(table)}.snapshots "  # noqa: S608
            f"WHERE summary['{STREAM_PROPERTY}'] = '{self._options.name}' AND summary['{QUERY_PROPERTY}'] = '{query}'"
        ).first()
        return -1 if row is None or row[0] is None else int(row[0])

    def _keep_refused(self, refused: Any, query: str, number: int) -> None:
        """What could not be read is kept beside the tables, once for each batch."""
        count = refused.count()
        if not count:
            return
        path = f"{self._location.warehouse}/refused/{self._options.name}/{query}-{number}.parquet"
        reason = refused.select("reason").first()[0]
        _write_parquet(path, refused.select("reason", "message").toArrow())
        print(f"{count} messages or records refused, kept in {path}: {reason}", file=sys.stderr, flush=True)  # noqa: T201


def _write_parquet(path: str, table: Any) -> None:
    """Through Iceberg's own way to files, which the driver has for whatever storage it is."""
    import pyarrow.parquet as pq
    from pyiceberg.io import load_file_io

    with load_file_io(dict(storage_settings()), path).new_output(path).create(overwrite=True) as file:
        pq.write_table(table, file)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    try:
        _main(_parser().parse_args(arguments))
    except AtlasOtelError as error:
        print(f"atlas_otel.lake.stream: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def _main(asked: argparse.Namespace) -> None:
    if not asked.lake:
        raise UsageError(f"no lake given: use --lake or set {ENV_LAKE}")
    if not asked.name.replace("-", "").replace("_", "").isalnum():
        raise UsageError("--name is letters, digits, - and _")
    engine = SparkEngine.checked(asked.master, asked.conf, None)
    location = locate(asked.lake, asked.catalog)
    open_lake(asked.lake, asked.catalog, create=True).close()
    every = None if asked.once else asked.every
    options = StreamOptions(asked.brokers, asked.topic, asked.checkpoint, asked.name, every, asked.most, asked.copies)
    settings = {**spark_settings(location, os.environ), **engine.settings}
    if asked.jars:
        settings["spark.jars"] = asked.jars
    with tempfile.TemporaryDirectory(prefix="atlas-otel-stream-") as folder:
        _streamed(engine.master, settings, code_archive(Path(folder)), location, options)


def _streamed(master: str, settings: dict[str, str], code: Path, location: Location, options: StreamOptions) -> None:
    from pyspark.sql import SparkSession

    if master.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("atlas-otel lake stream").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", "16").config("spark.ui.showConsoleProgress", "false")
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        spark = builder.getOrCreate()
        try:
            spark.sparkContext.setLogLevel("ERROR")
            spark.sparkContext.addPyFile(str(code))
            run(spark, location, options)
        finally:
            spark.stop()
    except Exception as error:
        if not type(error).__module__.startswith(("py4j", "pyspark")):
            raise
        raise translated(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m atlas_otel.lake.stream", description="Write OTLP traces from Kafka into a lake, each once."
    )
    parser.add_argument("--lake", default=os.environ.get(ENV_LAKE), help=f"a folder, or s3://… (default: {ENV_LAKE})")
    parser.add_argument("--catalog", help=f"a Postgres URL or a SQLite file (default: {ENV_CATALOG})")
    parser.add_argument("--brokers", required=True, help="host:port, several with commas between")
    parser.add_argument("--topic", default="atlas-spans")
    parser.add_argument("--checkpoint", required=True, help="a folder of the driver's: how far it is, kept by Spark")
    parser.add_argument("--name", default="kafka", help="of this stream: two streams into one lake need two names")
    parser.add_argument("--every", default="30 seconds", help="how often a batch is committed")
    parser.add_argument("--most", type=int, default=10_000, help="messages in one batch")
    parser.add_argument("--once", action="store_true", help="write what is there now, and end")
    parser.add_argument("--copies", action="store_true", help="do not look for what was written before")
    parser.add_argument("--master", default="local[*]", help="spark://host:7077, k8s://…, yarn, local[N]")
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", help="a setting of Spark's")
    parser.add_argument("--jars", help="paths with commas between: Iceberg's runtime, a JDBC driver, Kafka's source")
    return parser


if __name__ == "__main__":
    sys.exit(main())
