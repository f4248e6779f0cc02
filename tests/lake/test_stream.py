"""Kafka → Spark → lake, with everything killed on the way: nothing lost, nothing written twice."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atlas_otel import semconv
from atlas_otel.lake import schema
from atlas_otel.lake.erasing import erase
from atlas_otel.lake.sessions import read_sessions
from atlas_otel.lake.table import open_lake
from atlas_otel.records.record import RecordSet
from tests.lake.conftest import Broker, ended, finished
from tests.support.lake_runs import key_of, ours, shuffled

pytestmark = pytest.mark.timeout(1800)
PROGRAMS = Path(__file__).parent / "programs"
T = 1_700_000_000_000_000_000


def message(*numbers: int) -> bytes:
    """A request with a span of each number, in sessions of ten."""
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add()
    for number in numbers:
        span = scope.spans.add(
            trace_id=(number // 10 + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name=f"span {number} é",
            start_time_unix_nano=T + number,
            end_time_unix_nano=T + number + 1,
        )
        span.attributes.add(key=semconv.ATLAS_SESSION_ID).value.string_value = f"s{number // 10:031x}"
    return made.SerializeToString()


def rows(folder: Path) -> list[int]:
    with open_lake(str(folder)) as lake:
        return sorted(
            int(row["span_id"], 16) - 1
            for batch in lake.scan(schema.SPANS, columns=("span_id",))
            for row in batch.to_pylist()
        )


def snapshots(folder: Path) -> int:
    try:
        with open_lake(str(folder)) as lake:
            return len(lake.table(schema.SPANS).snapshots())
    except Exception:
        return 0


def test_each_span_once_whoever_dies(
    spark: Callable[..., subprocess.Popen[str]], broker: Broker, tmp_path: Path, jars: str
) -> None:
    folder = tmp_path / "lake"

    def produce(*messages: bytes) -> None:
        file = tmp_path / f"messages-{time.monotonic_ns()}"
        file.write_text("\n".join(base64.b64encode(one).decode() for one in messages))
        finished(spark(str(PROGRAMS / "produce.py"), str(broker.port), str(file)))

    def stream(*arguments: str) -> subprocess.Popen[str]:
        return spark(
            *("-m", "atlas_otel.lake.stream", "--lake", str(folder), "--brokers", f"127.0.0.1:{broker.port}"),
            *("--checkpoint", str(tmp_path / "checkpoint"), "--master", "local[2]", "--jars", jars, *arguments),
        )

    numbers = list(range(200))
    chance = random.Random(7)
    again = numbers + chance.sample(numbers, 60)
    chance.shuffle(again)
    produce(*(message(*again[begin : begin + 5]) for begin in range(0, len(again), 5)))
    first = stream("--every", "1 second", "--most", "20")
    deadline = time.monotonic() + 480
    while snapshots(folder) < 2 and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.1)
    said = ended(first)  # in the middle of a batch, most likely
    assert snapshots(folder) >= 2, f"the stream wrote nothing: {said[-3000:]}"
    broker.restart()
    produce(message(*range(190, 220)), b"no request at all", message(5))
    said = finished(stream("--once"))
    assert rows(folder) == list(range(220))
    assert "1 messages or records refused, kept in" in said

    # The same messages once more, under a checkpoint that knows of none of them.
    finished(stream("--once", "--checkpoint", str(tmp_path / "another")))
    assert rows(folder) == list(range(220))

    # What was deleted does not come back.
    gone = f"s{3:031x}"
    with open_lake(str(folder)) as lake:
        erase(lake, [gone])
    finished(stream("--once", "--checkpoint", str(tmp_path / "third")))
    assert rows(folder) == [number for number in range(220) if number // 10 != 3]


def test_spark_and_pyiceberg_read_what_the_other_wrote(
    spark: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "lake"
    records = ours(10)
    with open_lake(str(folder), create=True) as lake:
        lake.append(shuffled(records, 1))
        said = finished(spark(str(PROGRAMS / "both_ways.py"), str(folder)))
        seen = json.loads(said.rpartition("SEEN")[2].splitlines()[0])
        spans = RecordSet(records).spans
        assert seen["count"] >= len(spans)
        assert {text.replace(" ", "") for text in seen["attributes"]} == {
            schema.span_to_row(span)[20].replace(" ", "") for span in spans.values()
        }
        lake.refresh()
        theirs = key_of(10).replace("a", "b")
        found = read_sessions(lake, [key_of(10), theirs])
        assert len(found[theirs].spans) == len(spans)
        assert [one.attributes for one in found[theirs].spans.values()] == [
            one.attributes for one in found[key_of(10)].spans.values()
        ]


def test_a_wrong_call_is_one_line(spark: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    arguments = ["--brokers", "127.0.0.1:1", "--checkpoint", str(tmp_path / "c")]
    for extra, said, code in (
        (["--lake", str(tmp_path / "l"), "--master", "spark://127.0.0.1:1"], "no master answers", 2),
        (["--lake", str(tmp_path / "l"), "--master", "nonsense"], "is none of spark://", 2),
        (["--lake", ""], "no lake given", 2),
    ):
        process = spark("-m", "atlas_otel.lake.stream", *arguments, *extra)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == code
        assert said in out
        assert len(out.splitlines()) == 1
