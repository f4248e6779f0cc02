"""Puts messages on a topic: each line of a file is one, in base64. Run by Spark's Python: produce.py PORT FILE."""

import base64
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

port, file = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", os.environ["JARS"])
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
rows = [(bytearray(base64.b64decode(line)),) for line in Path(file).read_text().split()]
messages = spark.createDataFrame(rows, "value binary").write.format("kafka")
messages.option("kafka.bootstrap.servers", f"127.0.0.1:{port}").option("topic", "atlas-spans").save()
spark.stop()
