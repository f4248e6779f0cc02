"""A lake kept in order: small files joined and duplicates merged, old snapshots let go, what nothing names removed."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import PermanentStoreError, RecordError, RetryableStoreError
from atlas_otel.lake import schema
from atlas_otel.lake.failures import translating
from atlas_otel.lake.filters import among
from atlas_otel.lake.reachable import Reachable
from atlas_otel.lake.table import TABLES
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import EventRecord, RecordSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import FileScanTask, Table

    from atlas_otel.lake.schema import Row
    from atlas_otel.lake.table import Lake

KEEP: Final = timedelta(days=1)
"""How long a snapshot may be read after the next one came, unless told otherwise."""
ORPHAN_AGE: Final = timedelta(days=3)
"""Younger files that no snapshot names may be a writer's who has not committed yet."""
STREAM_PROPERTY: Final = "atlas.stream"
_SMALL: Final = 32 * 1024 * 1024
"""Bytes: a file of as many is left as it is."""
_TOGETHER: Final = 64 * 1024 * 1024
"""Bytes of files that are joined at once: some 64,000 spans, which take a gigabyte as objects."""
_FEW: Final = 2
_AT_ONCE: Final = 200
_TRIES: Final = 5


class Compacted(NamedTuple):
    """What became of files and rows: ``merged`` rows were copies or older versions of others."""

    files_before: int
    files_after: int
    merged: int
    deleted: int


def compact(lake: Lake, *, progress: Callable[[int, int], None] = lambda *_: None) -> Compacted:
    """Join the small files of each partition, merge records that stand in them more than once, and leave out what was
    deleted. Readers of the snapshot before are not disturbed.

    Some 64 MiB of files are held in memory at a time; those that another process rewrites meanwhile are left to it.
    Raises StoreError where the lake fails: what was committed until then stays.
    """
    lake.refresh()
    gone = lake.tombstones()
    total = Compacted(0, 0, 0, _delete_buried(lake, gone))
    for name in (schema.SPANS, schema.SPAN_EVENTS):
        with translating(lake.location):
            groups = _to_join(lake.table(name))
        for number, tasks in enumerate(groups):
            try:
                done = _rewritten(lake, name, tasks, gone)
            except RetryableStoreError:  # another rewrote these files; the rest of the table is as it was
                lake.refresh()
                continue
            total = Compacted(*(a + b for a, b in zip(total, done, strict=True)))
            progress(number + 1, len(groups))
    return total


def _delete_buried(lake: Lake, gone: frozenset[tuple[str, str]]) -> int:
    """Remove rows of what was deleted that writers brought which did not look; how many."""
    removed = 0
    for kind, column in (("session", "owner"), ("trace", "trace_id")):
        names = sorted(name for some, name in gone if some == kind)
        for begin in range(0, len(names), _AT_ONCE):
            where = among(column, names[begin : begin + _AT_ONCE])
            removed += sum(delete_where(lake, name, where) for name in (schema.SPANS, schema.SPAN_EVENTS))
    return removed


def delete_where(lake: Lake, name: str, where: BooleanExpression) -> int:
    """Rewrite the files of a table without the rows that ``where`` means; how many there were.

    Where others rewrite the same files meanwhile, it is done again on top of theirs.
    """
    for attempt in range(_TRIES):
        count: int = sum(batch.num_rows for batch in lake.scan(name, where=where, columns=("owner",)))
        try:
            if count:
                with translating(lake.location):
                    lake.table(name).delete(where)
        except RetryableStoreError:
            if attempt == _TRIES - 1:
                raise
            lake.refresh()
        else:
            return count
    return 0


def _to_join(table: Table) -> list[list[FileScanTask]]:
    """Small files of one partition each, as many as fit into memory together."""
    by_partition: defaultdict[str, list[FileScanTask]] = defaultdict(list)
    for task in table.scan().plan_files():
        if task.file.file_size_in_bytes < _SMALL:
            by_partition[repr(task.file.partition)].append(task)
    groups: list[list[FileScanTask]] = []
    for _, tasks in sorted(by_partition.items()):
        group: list[FileScanTask] = []
        held = 0
        for task in sorted(tasks, key=lambda one: one.file.file_size_in_bytes):
            held += task.file.file_size_in_bytes
            if group and held > _TOGETHER:
                groups.append(group)
                group, held = [], task.file.file_size_in_bytes
            group.append(task)
        groups.append(group)
    return [group for group in groups if len(group) >= _FEW]


def _rewritten(lake: Lake, name: str, tasks: Sequence[FileScanTask], gone: frozenset[tuple[str, str]]) -> Compacted:
    """Replace these files by one with their records merged, without those that were deleted."""
    from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files

    table = lake.table(name)
    with translating(lake.location):
        from pyiceberg.expressions import AlwaysTrue

        held = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table(tasks)
        rows, merged_away, deleted = _merged_rows(name, held.to_pylist(), gone)
        replaced = [task.file for task in tasks]
        with table.transaction() as change, change.update_snapshot().overwrite() as swap:
            for file in replaced:
                swap.delete_data_file(file)
            made = list(_dataframe_to_data_files(table.metadata, schema.to_arrow(name, rows), table.io)) if rows else []
            for file in made:
                swap.append_data_file(file)
    return Compacted(len(replaced), len(made), merged_away, deleted)


def _merged_rows(
    name: str, held: Iterable[dict[str, object]], gone: frozenset[tuple[str, str]]
) -> tuple[list[Row], int, int]:
    """Rows as they are to be kept: how many were copies of others, and how many deleted."""
    records, deleted, read = RecordSet(), 0, 0
    owners: dict[tuple[str | int, ...], tuple[bool, str]] = {}
    for row in held:
        read += 1
        owner = str(row["owner"])
        if ("session", owner) in gone or ("trace", str(row["trace_id"])) in gone:
            deleted += 1
            continue
        record = schema.span_from_row(row) if name == schema.SPANS else schema.event_from_row(row)
        records.add(record)
        known = owners.get(record.key)
        # Of two that were found for one record, the one that is not merely its trace's stands.
        weight = (owner != implicit_session(record.trace_id), owner)
        if known is None or known < weight:
            owners[record.key] = weight
    rows: list[Row] = []
    for record in records:
        found = owners[record.key][1]
        made = (
            schema.event_to_row(record, found) if isinstance(record, EventRecord) else schema.span_to_row(record, found)
        )
        rows.append(made)
    return rows, read - deleted - len(rows), deleted


def expire_snapshots(lake: Lake, keep: timedelta = KEEP, *, streams: bool = True) -> int:
    """Let go of snapshots older than ``keep`` but the newest of each table; how many. ``streams``: the newest of each
    stream stays as well: by it a stream that begins again knows what it has written."""
    before = datetime.now(timezone.utc) - keep
    total = 0
    with translating(lake.location):
        for name in TABLES:
            table = lake.table(name)
            table.refresh()
            newest_of_stream: dict[str, int] = {}
            for snapshot in sorted(table.snapshots(), key=lambda one: one.timestamp_ms):
                stream = snapshot.summary.additional_properties.get(STREAM_PROPERTY) if snapshot.summary else None
                if streams and stream is not None:
                    newest_of_stream[stream] = snapshot.snapshot_id
            kept = {table.metadata.current_snapshot_id, *newest_of_stream.values()}
            old = [
                snapshot.snapshot_id
                for snapshot in table.snapshots()
                if snapshot.snapshot_id not in kept and snapshot.timestamp_ms <= before.timestamp() * 1000
            ]
            if old:
                table.maintenance.expire_snapshots().by_ids(old).commit()
                table.refresh()
                total += len(old)
    return total


class Expired(NamedTuple):
    """Snapshots that were let go of, files that went with them, and their bytes."""

    snapshots: int
    files: int
    bytes: int


def expire(lake: Lake, keep: timedelta = KEEP, orphans: timedelta = ORPHAN_AGE) -> Expired:
    """Let go of snapshots older than ``keep``, then remove files that no snapshot names and that are older than
    ``orphans``. A reader that began longer ago than ``keep`` may find its files gone."""
    with translating(lake.location):
        named_before = {name: Reachable.of(lake.table(name)).files for name in TABLES}
    snapshots = expire_snapshots(lake, keep)
    files = size = 0
    cutoff = datetime.now(timezone.utc) - orphans
    with translating(lake.location):
        for name in TABLES:
            reachable = Reachable.of(lake.table(name))
            released = named_before[name] - reachable.files
            for found in reachable.present():
                if found.path in reachable.files or (found.path not in released and found.modified > cutoff):
                    continue
                with suppress(FileNotFoundError):  # another expired it meanwhile
                    reachable.remove(found.path)
                    files += 1
                    size += found.size
    return Expired(snapshots, files, size)


class LakeFault(NamedTuple):
    """Something that is not as it should be: where, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def verify_tables(lake: Lake) -> Iterable[LakeFault]:
    """Each file that a table names and that is missing or cannot be read, and each row that is no record."""
    lake.refresh()
    for name in (schema.SPANS, schema.SPAN_EVENTS):
        table = lake.table(name)
        try:
            with translating(lake.location):
                tasks = list(table.scan().plan_files())
                present = {found.path for found in Reachable.of(table).present()}
        except PermanentStoreError as error:  # a manifest
            yield LakeFault(f"table {name}, snapshot {table.metadata.current_snapshot_id}", str(error))
            continue
        for task in tasks:
            path = Reachable.plain(task.file.file_path)
            if path not in present:
                yield LakeFault(path, "is named by the table, and is not there")
                continue
            yield from _faults_of(lake, name, task, path)


def _faults_of(lake: Lake, name: str, task: FileScanTask, path: str) -> Iterable[LakeFault]:
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.io.pyarrow import ArrowScan

    table = lake.table(name)
    try:
        held = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table([task])
    except Exception as error:  # noqa: BLE001 — whatever is wrong with one file, the others are looked at
        yield LakeFault(path, f"cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:120]})")
        return
    if held.num_rows != task.file.record_count:
        yield LakeFault(path, f"holds {held.num_rows} rows where its table says {task.file.record_count}")
    for owner, row in ((row["owner"], row) for row in held.to_pylist()):
        try:
            record = schema.span_from_row(row) if name == schema.SPANS else schema.event_from_row(row)
            if owner != schema.owner_of(record, owner)[0]:
                yield LakeFault(path, f"a row of {record.key} is owned by {owner}, not by the session that it names")
        except RecordError as error:
            yield LakeFault(path, str(error))
