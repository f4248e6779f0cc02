"""Reads what pyiceberg wrote, and appends to it: both_ways.py LAKE. Prints what it saw as JSON."""

import json
import os
import sys

from pyspark.sql import SparkSession

from atlas_otel.lake.location import locate
from atlas_otel.lake.spark import spark_settings, table_name

builder = SparkSession.builder.master("local[2]").config("spark.jars", os.environ["JARS"])
for key, value in {**spark_settings(locate(sys.argv[1]), os.environ), "spark.ui.enabled": "false"}.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spans = spark.table(table_name("spans"))
seen = {
    "count": spans.count(),
    "attributes": [row[0] for row in spans.orderBy("start_ns", "span_id").select("attributes").collect()],
    "files": spark.sql(f"SELECT count(*) FROM {table_name('spans')}.files").first()[0],
}
renamed = spans.selectExpr(
    *(
        "replace(owner, 'a', 'b') AS owner"
        if name == "owner"
        else f"replace({name}, 'a', 'b') AS {name}"
        if name in ("session_key", "trace_id")
        else name
        for name in spans.columns
    )
)
renamed.writeTo(table_name("spans")).append()
spark.stop()
print("SEEN" + json.dumps(seen))
