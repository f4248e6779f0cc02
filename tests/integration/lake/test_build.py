"""A build from the lake gives the bytes of an export of the same records, whichever way the records went in."""

from __future__ import annotations

import random
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from atlas_otel.lake.build import Outputs, build
from atlas_otel.lake.given import read_given
from atlas_otel.lake.local_engine import LocalEngine
from atlas_otel.lake.table import Lake, open_lake
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import Record
from atlas_otel.records.store import Patience
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.building.making import Job
from atlas_otel_exporters.building.projected import Given
from atlas_otel_exporters.formats import FORMATS, FormatName
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.training.options import RowOptions
from tests.support.runs import any_records

EVERYTHING = Selection(review_statuses=None)


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


# Not shrunk: each example takes a second of a real server's time.
@settings(
    max_examples=4,
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
