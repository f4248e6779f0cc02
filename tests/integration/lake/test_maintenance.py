"""A lake kept in order, and sessions deleted from it to the last copy."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from atlas_otel import semconv
from atlas_otel.cli import main
from atlas_otel.errors import PermanentStoreError
from atlas_otel.lake import schema
from atlas_otel.lake.erasing import erase, retain
from atlas_otel.lake.maintenance import compact, expire, verify_tables
from atlas_otel.lake.sessions import read_sessions
from atlas_otel.lake.store import LakeStore
from atlas_otel.lake.table import Lake, open_lake
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import Record, RecordSet
from tests.support.lake_runs import BEGAN, DAY, key_of, mixed, others, ours, shuffled

NEVER = timedelta(0)
SECRET = "the telephone number of eve"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def rows(lake: Lake) -> int:
    return sum(batch.num_rows for name in (schema.SPANS, schema.SPAN_EVENTS) for batch in lake.scan(name))


def holds(folder: Path, text: str) -> list[Path]:
    """Files in which a text stands: Parquet's compression is undone by reading every column."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            if text in str(pq.ParquetFile(path).read().to_pydict()):
                found.append(path)
        elif path.is_file() and text.encode() in path.read_bytes():
            found.append(path)
    return found


def test_compaction_merges_and_changes_nothing_that_is_read(folder: Path) -> None:
    everything = [record for run in (ours(1), mixed(2), others(3)) for record in run]
    keys = [key_of(1), key_of(2), implicit_session(others(3)[0].trace_id)]
    with open_lake(str(folder), create=True) as lake:
        for part in range(4):
            lake.append(shuffled(everything, part))
        before = read_sessions(lake, keys)
        assert rows(lake) > len(everything)
        done = compact(lake)
        assert done.files_after < done.files_before
        lake.refresh()
        assert rows(lake) == len(everything)
        assert {key: set(map(repr, one)) for key, one in read_sessions(lake, keys).items()} == {
            key: set(map(repr, one)) for key, one in before.items()
        }
        assert compact(lake).files_before == 0
        expire(lake, NEVER)
        lake.refresh()
        assert rows(lake) == len(everything)
        assert not list(verify_tables(lake))


def test_a_reader_of_the_snapshot_before_goes_on_until_it_is_expired(folder: Path) -> None:
    with open_lake(str(folder), create=True) as lake, open_lake(str(folder)) as reader:
        lake.append(ours(1))
        lake.append(ours(1))
        reader.refresh()
        before = reader.snapshots()[schema.SPANS]
        batches = reader.scan(schema.SPANS, snapshot=before)
        compact(lake)
        expire(lake, timedelta(hours=1))
        assert sum(batch.num_rows for batch in batches) == 2 * len(RecordSet(ours(1)).spans)
        expire(lake, NEVER)
        with pytest.raises(PermanentStoreError):
            list(reader.scan(schema.SPANS, snapshot=before))


def test_a_conflict_of_a_compaction_and_a_writer_loses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from atlas_otel.lake import maintenance

    with open_lake(str(folder), create=True) as lake, open_lake(str(folder)) as other:
        lake.append(ours(1))
        lake.append(ours(1))
        real = maintenance._merged_rows
        came = [ours(2), ours(3)]

        def merge(*arguments: Any) -> Any:
            if came:
                other.append(came.pop())
            return real(*arguments)

        monkeypatch.setattr(maintenance, "_merged_rows", merge)
        compact(lake)
        lake.refresh()
        assert set(read_sessions(lake, [key_of(n) for n in (1, 2, 3)])) == {key_of(n) for n in (1, 2, 3)}
        assert rows(lake) == len(ours(1)) + len(ours(2)) + len(ours(3))


def test_orphans_of_writers_that_died_go_when_they_are_old(folder: Path) -> None:
    with open_lake(str(folder), create=True) as lake:
        lake.append(ours(1))
        orphan = folder / "spans" / "data" / "left.parquet"
        orphan.write_bytes(b"half a file")
        assert expire(lake, NEVER).files == 0
        assert expire(lake, NEVER, orphans=timedelta(0)).files == 1
        assert not orphan.exists()
        assert rows(lake) == len(ours(1))


def test_a_deleted_session_is_nowhere_in_the_lakes_files(folder: Path) -> None:
    doomed = [
        record._replace(attributes={**record.attributes, semconv.ATLAS_OUTPUT: SECRET})
        if hasattr(record, "attributes")
        else record
        for record in mixed(2)
    ]
    with open_lake(str(folder), create=True) as lake:
        lake.append([*ours(1), *doomed])
        lake.append([*others(3), *doomed[:3]])
        assert holds(folder, SECRET)
        done = erase(lake, [key_of(2)])
        assert (done.spans, done.gone) == (len(RecordSet(doomed).spans) + 2, True)
        assert holds(folder, SECRET) == []
        assert [path for path in holds(folder, key_of(2)) if "tombstones" not in path.parts] == []
        assert set(read_sessions(lake, [key_of(1), key_of(2)])) == {key_of(1)}
        assert not list(verify_tables(lake))
        again = erase(lake, [key_of(2)])
        assert (again.spans, again.events) == (0, 0)


def test_what_comes_of_a_deleted_session_later_is_let_go(folder: Path) -> None:
    with open_lake(str(folder), create=True) as lake:
        lake.append([*ours(1), *others(3)])
        erase(lake, [key_of(1), implicit_session(others(3)[0].trace_id)])
        kept: list[Any] = []
        with LakeStore(lake.location, kept.extend) as store:
            assert store.write([*ours(1), *others(3), *ours(2)]).stored == len([*ours(1), *others(3), *ours(2)])
        lake.refresh()
        assert rows(lake) == len(ours(2))
        lake.append(ours(1))  # by a writer that does not look: a reader leaves it out, and a compaction removes it
        assert read_sessions(lake, [key_of(1)]) == {}
        compact(lake)
        lake.refresh()
        assert rows(lake) == len(ours(2))


def test_a_trace_that_two_sessions_share_stays_with_the_other(folder: Path) -> None:
    inner = [record._replace(trace_id=key_of(1)) for record in ours(2)]
    with open_lake(str(folder), create=True) as lake:
        lake.append([*ours(1), *inner])
        erase(lake, [key_of(1)])
        assert len(read_sessions(lake, [key_of(2)])[key_of(2)]) == len(inner)


def test_retention_removes_whole_sessions(folder: Path) -> None:
    spread = [*ours(1), *[r._replace(span_id="f" * 16) for r in ours(1, days=40)[:1]]]
    with open_lake(str(folder), create=True) as lake:
        lake.append([*spread, *ours(2), *ours(3, days=40)])
        before = datetime.fromtimestamp(BEGAN / 1e9, timezone.utc) + timedelta(days=20)
        assert retain(lake, before)[schema.SPANS] == len(RecordSet(ours(2)).spans)
        lake.refresh()
        found = read_sessions(lake, [key_of(n) for n in (1, 2, 3)])
        assert {key: len(one) for key, one in found.items()} == {key_of(1): len(spread), key_of(3): len(ours(3))}
    assert DAY


def test_verify_names_what_is_missing_damaged_or_misplaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_lake(str(folder), create=True) as lake:
        lake.append(ours(1))
        lake.append(ours(2))
        lake.append(ours(3))
        row = list(schema.span_to_row(ours(4)[0]))  # type: ignore[arg-type]
        row[0], row[20] = "another", '{"cut": '
        lake.append_rows({schema.SPANS: [tuple(row)]})
    first, second = sorted((folder / "spans").rglob("*.parquet"), key=lambda path: path.stat().st_mtime)[:2]
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    assert main(["lake", "verify", "--lake", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert f"{first}: is named by the table, and is not there" in out
    assert f"{second}: cannot be read" in out
    assert "in the lake cannot be read" in out
    assert err == "3 faults\n"


def fill(url: str, records: list[Record]) -> None:
    with PostgresStore(url) as store:
        store.write(records)
        while store.project():
            pass
        store.settle({record.trace_id for record in records})
        while store.project():
            pass


def test_delete_reaches_the_lake_and_reports_the_last_copy(
    database_url: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eve = [
        record._replace(attributes={**record.attributes, semconv.ATLAS_USER_ID: "eve", semconv.ATLAS_OUTPUT: SECRET})
        if hasattr(record, "attributes") and record.kind == "session"
        else record
        for record in ours(1)
    ]
    fill(database_url, [*eve, *ours(2)])
    target = ["--lake", str(folder), "--database-url", database_url]
    assert main(["review", "approve", "1", "2", "--database-url", database_url]) == 0
    assert main(["lake", "archive", "--older-than", "0s", "--drop-rows", *target]) == 0
    assert main(["lake", "verify", *target]) == 0
    assert holds(folder, SECRET)
    report = tmp_path / "report.json"
    assert main(["delete", "--user", "eve", "--report", str(report), "--database-url", database_url]) == 0
    assert holds(folder, SECRET) == []
    (said,) = json.loads(report.read_text())["lakes"]
    assert (said["gone"], said["spans"]) == (True, len(RecordSet(ours(1)).spans))
    fill(database_url, eve)  # late, from somebody's spool
    capsys.readouterr()
    assert main(["lake", "archive", "--older-than", "0s", *target]) == 0
    assert "archived 0 sessions" in capsys.readouterr().out
    assert main(["lake", "verify", *target]) == 0
    assert main(["sessions", "show", key_of(2), "--database-url", database_url]) == 0


def test_a_lake_that_is_away_is_erased_later(
    database_url: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(database_url, ours(1))
    assert main(["lake", "archive", "--older-than", "0s", "--lake", str(folder), "--database-url", database_url]) == 0
    folder.rename(tmp_path / "elsewhere")
    capsys.readouterr()
    assert main(["delete", "--session", key_of(1), "--database-url", database_url]) == 1
    err = capsys.readouterr().err
    assert err.startswith("atlas-otel: deleted from the database, but there is no lake at")
    assert err.rstrip().endswith("run atlas-otel delete --resume when this is mended")
    (tmp_path / "elsewhere").rename(folder)
    assert main(["delete", "--resume", "--database-url", database_url]) == 0
    with open_lake(str(folder)) as lake:
        assert rows(lake) == 0


def test_a_lake_without_a_database(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_lake(str(folder), create=True) as lake:
        lake.append([*ours(1), *ours(2)])
        lake.append([*ours(1), *ours(2)])
    target = ["--lake", str(folder)]
    assert main(["lake", "compact", *target]) == 0
    assert main(["lake", "expire", "--keep", "0s", *target]) == 0
    assert main(["lake", "delete", "--session", key_of(1), *target]) == 0
    out = capsys.readouterr().out
    assert f"{len(ours(1)) + len(ours(2))} copies merged" in out
    assert '"gone": true' in out
    assert main(["lake", "expire", "--older-than", "1d", *target]) == 0
    with open_lake(str(folder)) as lake:
        assert rows(lake) == 0


def test_half_written_metadata_is_one_line_and_the_snapshot_before_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_lake(str(folder), create=True) as lake:
        lake.append(ours(1))
        lake.append(ours(2))
        current = Path(lake.table(schema.SPANS).metadata_location.removeprefix("file://"))
        manifests = Path(lake.table(schema.SPANS).current_snapshot().manifest_list.removeprefix("file://"))  # type: ignore[union-attr]
    whole = manifests.read_bytes()
    manifests.write_bytes(whole[:50])
    assert main(["lake", "verify", "--lake", str(folder)]) == 1
    out, _ = capsys.readouterr()
    assert out.startswith("table spans, snapshot ")
    assert "cut or damaged" in out
    manifests.write_bytes(whole)
    text = current.read_bytes()
    current.write_bytes(text[: len(text) // 2])
    assert main(["lake", "verify", "--lake", str(folder)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"atlas-otel: the lake {folder} holds a file that is cut or damaged (")
    assert err.count("\n") == 1
    current.unlink()
    assert main(["lake", "verify", "--lake", str(folder)]) == 1
    assert "lacks a file that its table names" in capsys.readouterr().err
    current.write_bytes(text)
    assert main(["lake", "verify", "--lake", str(folder)]) == 0


def test_a_writer_that_died_before_its_commit_is_not_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_lake(str(folder), create=True) as lake:
        lake.append(ours(1))
        with monkeypatch.context() as patched:

            def die(*_: Any, **__: Any) -> None:
                raise KeyboardInterrupt

            patched.setattr("pyiceberg.table.Table._do_commit", die)
            with pytest.raises(KeyboardInterrupt):
                lake.append(ours(2))
    with open_lake(str(folder)) as lake:
        assert rows(lake) == len(ours(1))
        assert not list(verify_tables(lake))
        assert expire(lake, NEVER, orphans=timedelta(0)).files > 0
        assert rows(lake) == len(ours(1))


def test_files_are_joined_in_bounded_groups(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from atlas_otel.lake import maintenance

    with open_lake(str(folder), create=True) as lake:
        for _ in range(6):
            lake.append(ours(1))
        sizes = [task.file.file_size_in_bytes for task in lake.table(schema.SPANS).scan().plan_files()]
        monkeypatch.setattr(maintenance, "_TOGETHER", 2 * max(sizes) + 1)
        done = compact(lake)
        assert done.files_before == 12
        assert 4 <= done.files_after < 12  # of both tables; not all in one
        lake.refresh()
        assert len(read_sessions(lake, [key_of(1)])[key_of(1)]) == len(ours(1))
        monkeypatch.setattr(maintenance, "_SMALL", 1)
        assert compact(lake).files_before == 0
