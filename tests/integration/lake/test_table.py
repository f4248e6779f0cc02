"""A lake on a disk: written, read, shared, refused."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from atlas_otel.errors import ConfigError, PermanentStoreError, RecordError, SchemaError
from atlas_otel.lake import schema
from atlas_otel.lake.table import Lake, open_lake
from atlas_otel.records.record import EventRecord, Record, RecordSet
from tests.support.records import make_span

DAY = 86_400_000_000_000


def held(lake: Lake) -> RecordSet:
    lake.refresh()
    return RecordSet(
        record for name in (schema.SPANS, schema.SPAN_EVENTS) for _, record in schema.records_of(name, lake.scan(name))
    )


def some_records(session: str, count: int = 5) -> list[Record]:
    spans = [
        make_span(session_key=session, trace_id=f"{session:>32}", span_id=f"{n:016x}", start_ns=n * DAY)
        for n in range(count)
    ]
    return [*spans, EventRecord(f"{session:>32}", f"{0:016x}", 7, session, "n", "{}")]


def test_written_in_any_order_and_number_it_reads_as_the_merged_records(tmp_path: Path) -> None:
    records = [*some_records("a"), *some_records("b")]
    open_span = make_span(session_key="a", trace_id=f"{'a':>32}", span_id=f"{1:016x}", start_ns=DAY, rank=1)
    with open_lake(str(tmp_path / "lake"), create=True) as lake:
        lake.append(records)
        lake.append([open_span, *reversed(records[:3])])
        assert set(map(repr, held(lake))) == set(map(repr, RecordSet(records)))
        (found,) = {owner for owner, _ in schema.records_of(schema.SPANS, lake.scan(schema.SPANS, owners=["b"]))}
        assert found == "b"


def test_a_snapshot_is_read_while_others_write(tmp_path: Path) -> None:
    with open_lake(str(tmp_path), create=True) as lake, open_lake(str(tmp_path)) as other:
        lake.append(some_records("a"))
        before = lake.snapshots()[schema.SPANS]
        other.append(some_records("b"))
        assert sum(batch.num_rows for batch in lake.scan(schema.SPANS, snapshot=before)) == 5
        assert len(held(lake).spans) == 10


def test_writers_that_meet_commit_one_after_the_other(tmp_path: Path) -> None:
    open_lake(str(tmp_path), create=True).close()
    failed: list[BaseException] = []
    ready = threading.Barrier(3)

    def write(name: str) -> None:
        try:
            with open_lake(str(tmp_path)) as lake:
                ready.wait()
                for part in range(4):
                    lake.append(some_records(f"{name}{part}"))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with open_lake(str(tmp_path)) as lake:
        assert len(held(lake).spans) == 3 * 4 * 5


def test_nothing_of_a_batch_that_cannot_be_kept_is_written(tmp_path: Path) -> None:
    with open_lake(str(tmp_path), create=True) as lake:
        with pytest.raises(RecordError):
            lake.append([*some_records("a"), make_span(attributes={"a": "\ud800"})])
        assert not len(held(lake))


def test_a_lake_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="there is no lake"):
        open_lake(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentStoreError, match="is a file"):
        open_lake(str(tmp_path / "file"), create=True)


def test_a_newer_lake_is_read_and_not_written(tmp_path: Path) -> None:
    with open_lake(str(tmp_path), create=True) as lake:
        lake.append(some_records("a"))
        with lake.table(schema.SPANS).transaction() as change:
            change.set_properties({schema.VERSION_PROPERTY: "2"})
        with lake.table(schema.SPANS).update_schema() as columns:
            from pyiceberg.types import StringType

            columns.add_column("later", StringType())
    with open_lake(str(tmp_path)) as lake:
        assert len(held(lake).spans) == 5
        with pytest.raises(SchemaError, match="is of schema 2, and this program writes 1: upgrade"):
            lake.append(some_records("b"))


def test_one_catalog_names_one_lake(tmp_path: Path) -> None:
    catalog = str(tmp_path / "catalog.db")
    open_lake(str(tmp_path / "one"), catalog, create=True).close()
    with pytest.raises(PermanentStoreError, match="is that of another lake"):
        open_lake(str(tmp_path / "two"), catalog, create=True)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises((PermanentStoreError, ConfigError), match=r"rights|cannot make"):
        open_lake(str(tmp_path / "lake"), create=True)


def test_it_is_opened_only_where_it_is_asked_for() -> None:
    """What a decorated program, and the command line's help, import."""
    code = (
        "import sys, atlas_otel.cli, atlas_otel.lake; sys.exit(any(m in sys.modules for m in ('pyiceberg', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
