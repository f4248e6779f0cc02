"""``atlas-otel collect --lake``: taken, kept and committed, without a database; and nothing is lost on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from atlas_otel import semconv
from atlas_otel.cli import main
from atlas_otel.errors import UnavailableStoreError
from atlas_otel.lake import schema
from atlas_otel.lake.location import locate
from atlas_otel.lake.sessions import read_sessions
from atlas_otel.lake.store import LakeStore
from atlas_otel.lake.table import open_lake
from atlas_otel.records.record import Record
from atlas_otel.records.store import PoisonedRecord
from tests.integration.collect.conftest import Collecting
from tests.support.lake_runs import key_of, ours
from tests.support.records import make_span

T = 1_700_000_000_000_000_000
SESSION = "w" * 32
NOWHERE = "postgresql://nobody@nowhere.invalid/none"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def start(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Collecting]]:
    started: list[Collecting] = []
    (tmp_path / "spool").mkdir()

    def begin(*arguments: str) -> Collecting:
        command = ["--port", "0", "--lake", str(folder), *arguments]
        started.append(Collecting(NOWHERE, tmp_path / "spool", command, {}))
        return started[-1]

    yield begin
    for one in started:
        with suppress(ProcessLookupError):
            one.kill()
        assert one.process.stdout is not None
        one.process.stdout.close()


def message(*numbers: int) -> bytes:
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add()
    for number in numbers:
        span = scope.spans.add(
            trace_id=b"\1" * 16,
            span_id=number.to_bytes(8, "big"),
            name=f"span {number}",
            start_time_unix_nano=T + number,
            end_time_unix_nano=T + number + 1,
        )
        span.attributes.add(key=semconv.ATLAS_SESSION_ID).value.string_value = SESSION
    return made.SerializeToString()


def stored(folder: Path) -> set[int]:
    with open_lake(str(folder)) as lake:
        return {
            int(row["span_id"], 16)
            for batch in lake.scan(schema.SPANS, columns=("span_id",))
            for row in batch.to_pylist()
        }


def eventually(question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not question() and time.monotonic() < deadline:
        time.sleep(0.2)
    return question()


def test_what_is_taken_is_in_the_lake_in_few_commits_and_counted(
    start: Callable[..., Collecting], folder: Path
) -> None:
    collector = start("--lake-every", "2s")
    for number in range(1, 41):
        assert collector.post(message(number)).status_code == 200
    assert eventually(lambda: len(stored(folder)) == 40)
    with open_lake(str(folder)) as lake:
        assert len(lake.table(schema.SPANS).snapshots()) < 10
    numbers = collector.get("/metrics").text
    for said in ('accepted_total{kind="spans"} 40', 'stored_total{kind="spans"} 40', 'waiting{kind="spans"} 0'):
        assert f"atlas_otel_collect_{said}" in numbers
    assert collector.stop() == 0


def test_killed_and_started_again_nothing_is_lost_or_doubled(start: Callable[..., Collecting], folder: Path) -> None:
    collector = start("--lake-every", "10s")
    for number in range(1, 31):
        assert collector.post(message(number)).status_code == 200
    collector.kill()
    again = start("--lake-every", "1s")
    for number in range(21, 41):  # the sender, too, sends some again
        assert again.post(message(number)).status_code == 200
    assert eventually(lambda: stored(folder) == set(range(1, 41)))
    assert again.stop() == 0
    with open_lake(str(folder)) as lake:
        assert len(read_sessions(lake, [SESSION])[SESSION].spans) == 40


def test_workers_write_one_lake(start: Callable[..., Collecting], folder: Path) -> None:
    collector = start("--workers", "2", "--lake-every", "1s")
    for number in range(1, 61):
        assert collector.post(message(number)).status_code == 200
    assert eventually(lambda: stored(folder) == set(range(1, 61)))
    assert collector.stop() == 0


def test_what_cannot_be_kept_is_set_aside_and_the_rest_written(folder: Path) -> None:
    kept: list[PoisonedRecord] = []
    bad = make_span(session_key="s", attributes={"a": "\ud800"})
    with LakeStore(locate(str(folder)), kept.extend) as store:
        result = store.write([*ours(1), bad])
        assert (result.stored, [item.record for item in result.poisoned]) == (len(ours(1)), [bad])
        assert [item.record for item in kept] == [bad]
        found: list[Record] = list(store.records(key_of(1)))
        assert len(found) == len(ours(1))
        rows = store.rows(key_of(1))
        assert rows is not None
        assert rows.session.task == "task 1"
        store.check()


def test_a_lake_that_cannot_be_opened_costs_no_record(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        LakeStore(locate(str(tmp_path / "file")), lambda _: None) as store,
        pytest.raises(UnavailableStoreError, match="is a file"),
    ):
        store.write(ours(1))


def test_wrong_calls_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", "--lake", str(tmp_path / "lake"), "--tokens", "--port", "0"]) == 2
    assert "need a database: a lake has none of it" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["collect", "--lake", str(tmp_path / "file"), "--port", "0"]) == 1
    assert "is a file, not a folder" in capsys.readouterr().err
