"""A build from the lake gives the bytes of an export of the same records, whichever way the records went in."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from atlas_otel.lake.archive import archive
from atlas_otel.lake.build import Outputs, build
from atlas_otel.lake.engine import Task
from atlas_otel.lake.given import read_given
from atlas_otel.lake.local_engine import LocalEngine
from atlas_otel.lake.table import Lake, open_lake
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import Record
from atlas_otel.records.store import Patience
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.building.making import Job
from atlas_otel_exporters.building.projected import Given
from atlas_otel_exporters.building.staged import Staged
from atlas_otel_exporters.datasets.create import Plan, create_dataset
from atlas_otel_exporters.formats import FORMATS, FormatName
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.training.options import RowOptions
from tests.support.runs import Run, any_records

ROOT = Path(__file__).parents[3]
EVERYTHING = Selection(review_statuses=None)
_RUN = Run()
_RUN.span(1, None, "session", "agent", 0, 5, {"atlas.task": "the task"})
SMALL = _RUN.records


def keyed(records: list[Record], key: str) -> list[Record]:
    return [record._replace(session_key=key, trace_id=key) for record in records]


def built(lake: Lake, folder: Path, given: dict[str, Given], name: FormatName, **options: Any) -> bytes:
    selection = options.pop("selection", EVERYTHING)
    outputs = Outputs(work=folder / "work", lines=str(folder / "built.jsonl"))
    (folder / "built.jsonl").unlink(missing_ok=True)
    build(lake, Job(name, RowOptions(), selection), outputs, LocalEngine(1), given=given, **options)
    return (folder / "built.jsonl").read_bytes() if (folder / "built.jsonl").exists() else b""


def exported(url: str, folder: Path, name: FormatName, **options: Any) -> bytes:
    (folder / "exported.jsonl").unlink(missing_ok=True)
    export_jsonl(folder / "exported.jsonl", database_url=url, format=name, review_statuses=None, **options)
    return (folder / "exported.jsonl").read_bytes() if (folder / "exported.jsonl").exists() else b""


@pytest.mark.timeout(600)  # eleven formats, each exported and built, three times over
# Not shrunk: each example takes a second of a real server's time.
@settings(
    max_examples=3,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(runs=st.lists(any_records(), min_size=6, max_size=6), seed=st.integers(0, 2**32))
def test_a_build_gives_the_bytes_of_an_export(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, runs: list[list[Record]], seed: int
) -> None:
    folder, shuffled = tmp_path_factory.mktemp("build"), random.Random(seed)
    keys = [uuid.uuid4().hex for _ in runs]  # one database for all examples: each has its own sessions
    records = [record for key, run in zip(keys, runs, strict=True) for record in keyed(run, key)]
    shuffled.shuffle(records)
    with PostgresStore(database_url, patience=Patience(0, 0)) as store:
        store.write(records)
        while store.project():
            pass
        kept = [record for key in keys for record in store.records(key)]  # what was refused is not among them
    shuffled.shuffle(kept)
    given = {key: one for key, one in read_given(database_url).items() if key in keys}
    if not given:
        return
    with open_lake(str(folder / "lake"), create=True) as lake:
        third = max(len(kept) // 3, 1)
        for begin in range(0, len(kept), third):
            lake.append(kept[begin : begin + third + 2])  # some of them twice
        for name in FORMATS:
            expected = exported(database_url, folder, name, session_ids=list(given))
            assert built(lake, folder, given, name, records_a_unit=shuffled.choice([3, 1000])) == expected, name


def test_a_dataset_and_tables(database_url: str, tmp_path: Path) -> None:
    recording = [sys.executable, str(ROOT / "scripts" / "demo_lake.py"), "--record", database_url, "--sessions", "24"]
    subprocess.run(recording, check=True)
    with PostgresStore(database_url) as store, open_lake(str(tmp_path / "lake"), create=True) as lake:
        given = read_given(database_url)
        lake.append([record for key in given for record in store.records(key)])
        for name in ("chat", "preference", "rl"):
            plan = Plan(name, name, EVERYTHING, RowOptions(events="text"), split={"train": 0.7, "test": 0.3})
            expected = create_dataset(tmp_path / f"{name}-postgres", plan, database_url=database_url)
            outputs = Outputs(tmp_path / "work", dataset=(tmp_path / f"{name}-lake", plan))
            made = build(lake, Job(name, plan.options, EVERYTHING), outputs, LocalEngine(2), given=given).dataset
            assert made is not None
            assert (made.content_hash, made.counts, made.left_out) == (
                expected.content_hash,
                expected.counts,
                expected.left_out,
            )
            lineage = [(tmp_path / f"{name}-{where}" / "lineage.jsonl").read_bytes() for where in ("postgres", "lake")]
            assert lineage[0] == lineage[1]
        outputs = Outputs(tmp_path / "work", tables=(tmp_path / "tables", "jsonl"))
        job = Job(None, RowOptions(), EVERYTHING, tables=True)
        assert build(lake, job, outputs, LocalEngine(1), given=given).tables["sessions"] == len(given)
    with psycopg.connect(database_url) as connection:
        steps = connection.execute("SELECT session_id, step_id, output FROM step_results ORDER BY 1, 2").fetchall()
    rows = [json.loads(line) for line in (tmp_path / "tables" / "steps.jsonl").read_bytes().splitlines()]
    assert [(row["session_id"], row["step_id"], row["output"]) for row in rows] == steps
    calls = [json.loads(line) for line in (tmp_path / "tables" / "calls.jsonl").read_bytes().splitlines()]
    assert calls
    assert all(call["request_model"] == "rules-1" and call["messages"] and call["answer"] for call in calls)


def test_a_build_that_was_broken_off_goes_on(database_url: str, tmp_path: Path) -> None:
    run = [record for number in range(6) for record in keyed(SMALL, f"{number:032x}")]
    with open_lake(str(tmp_path / "lake"), create=True) as lake:
        lake.append(run)
        job = Job("atlas", RowOptions(), EVERYTHING)
        outputs = Outputs(tmp_path / "work", lines=str(tmp_path / "built.jsonl"))
        with pytest.raises(RuntimeError, match="broken off"):
            build(lake, job, outputs, BrokenOff(2), given={}, records_a_unit=1)
        assert not (tmp_path / "built.jsonl").exists()
        done = build(lake, job, outputs, LocalEngine(1), given={}, records_a_unit=1)
        assert done.kept == 2
        resumed = (tmp_path / "built.jsonl").read_bytes()
        assert resumed == built(lake, tmp_path, {}, "atlas")
        assert len(resumed.splitlines()) == 6
        assert not (tmp_path / "work").exists()


class BrokenOff:
    """An engine that fails after so many units."""

    def __init__(self, units: int) -> None:
        self._units = units

    def __call__(self, job: Job, tasks: Sequence[Task], staged: Staged, done: Callable[[], None]) -> None:
        LocalEngine(1)(job, tasks[: self._units], staged, done)
        raise RuntimeError("broken off")


def test_verdicts_and_late_rewards_are_joined_in(database_url: str, tmp_path: Path) -> None:
    recording = [sys.executable, str(ROOT / "scripts" / "demo_lake.py"), "--record", database_url, "--sessions", "3"]
    subprocess.run(recording, check=True)
    lake_url = str(tmp_path / "lake")
    with open_lake(lake_url, create=True) as lake:
        assert archive(database_url, lake, timedelta(0), now_ns=time.time_ns()) is not None
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT key, id FROM atlas_otel.sessions ORDER BY id").fetchall()
        (key, first), (_, second), (_, third) = rows
        connection.execute("UPDATE sessions SET review_status = 'quarantined' WHERE id = %s", [second])
    settings = {**os.environ, "ATLAS_OTEL_DATABASE_URL": database_url}
    scoring = [sys.executable, "-m", "atlas_otel", "reward", str(key), "0.125", "--rationale", "late"]
    subprocess.run(scoring, env=settings, check=True)
    building = [sys.executable, "-m", "atlas_otel", "lake", "build", "--lake", lake_url, "--include-status", "pending"]
    subprocess.run([*building, "--output", str(tmp_path / "built.jsonl")], env=settings, check=True)
    lines = [json.loads(line) for line in (tmp_path / "built.jsonl").read_bytes().splitlines()]
    assert [line["session_metadata"]["session_id"] for line in lines] == [first, third]
    assert lines[0]["session_reward"]["score"] == 0.125
