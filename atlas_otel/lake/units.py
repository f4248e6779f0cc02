"""A lake cut into units that are built apart: ranges of owners within a bucket, of so many records each.

Every session stands whole in one unit. One that fills whole row groups of a file has a unit of its own, and such units
come first: a session of a million spans is begun before the many small ones, not waited for after them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.errors import PermanentStoreError
from atlas_otel.lake import schema
from atlas_otel.lake.failures import translating

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyiceberg.table import FileScanTask

    from atlas_otel.lake.table import Lake

RECORDS_A_UNIT: Final = 20_000
"""How many records a unit holds at about: what a worker is given at a time. A small lake is cut finer, so that each of
some workers has something to do."""
_UNITS_AT_LEAST: Final = 8
_LEAST_A_UNIT: Final = 1_000
_GROUPED: Final = 65_536
"""Records from which on a file has several row groups, whose bounds may show a session that fills them."""
_RECORD_TABLES: Final = (schema.SPANS, schema.SPAN_EVENTS)


class DataFile(NamedTuple):
    """A Parquet file of records."""

    table: str
    path: str
    records: int


class Unit(NamedTuple):
    """Owners from ``low`` on and before ``high`` (None: no bound), and the files that may hold them.

    ``alone``: it is one session that fills whole row groups. ``buckets``: empty where files are not partitioned alike.
    """

    number: int
    buckets: Sequence[int]
    low: str
    high: str | None
    files: Sequence[DataFile]
    alone: bool = False

    def holds(self, owner: str, bucket: int) -> bool:
        """Whether a session with this key, whose hash falls into ``bucket``, belongs here."""
        inside = owner >= self.low and (self.high is None or owner < self.high)
        return inside and (not self.buckets or bucket in self.buckets)


def plan_units(lake: Lake, snapshots: Mapping[str, int | None], *, records: int = RECORDS_A_UNIT) -> list[Unit]:
    """The units of a lake as it was at ``snapshots``, in the order in which they are to be built.

    Raises PermanentStoreError where another program has marked rows as deleted without rewriting their files.
    """
    with translating(lake.location):
        found: list[Unit] = []
        for buckets, files, size in _together(_files(lake, snapshots), records):
            bounds = _bounds(sum(file.records for file in files), size)
            alone = sorted({owner for file in files for owner in _filling(lake, file)})
            for low, high, single in _ranges(bounds, alone):
                found.append(Unit(0, buckets, low, high, files, single))
    found.sort(key=lambda unit: not unit.alone)
    return [unit._replace(number=number) for number, unit in enumerate(found)]


def _together(
    by_bucket: Mapping[int | None, Sequence[DataFile]], records: int
) -> Iterator[tuple[Sequence[int], Sequence[DataFile], int]]:
    """Buckets whose files are built together since they hold little, and how many records a unit of them is to hold."""
    total = sum(file.records for files in by_bucket.values() for file in files)
    size = min(records, max(total // _UNITS_AT_LEAST, _LEAST_A_UNIT))
    buckets: list[int] = []
    held: list[DataFile] = []
    for bucket, files in sorted(by_bucket.items(), key=lambda one: -1 if one[0] is None else one[0]):
        if bucket is None:
            yield (), files, size
            continue
        if held and sum(file.records for file in (*held, *files)) > size:
            yield buckets, held, size
            buckets, held = [], []
        buckets.append(bucket)
        held += files
    if held:
        yield buckets, held, size


def _files(lake: Lake, snapshots: Mapping[str, int | None]) -> dict[int | None, list[DataFile]]:
    tasks = [(name, task) for name in _RECORD_TABLES if snapshots[name] for task in _tasks(lake, name, snapshots[name])]
    for name, task in tasks:
        if task.delete_files:
            raise PermanentStoreError(
                f"the lake {lake.location} has deletes that are not merged into {name}: rewrite its files first "
                "(atlas-otel lake compact, or Iceberg's rewrite_data_files)"
            )
    alike = len({task.file.spec_id for _, task in tasks}) <= 1
    found: defaultdict[int | None, list[DataFile]] = defaultdict(list)
    for name, task in sorted(tasks, key=lambda one: (one[0], one[1].file.file_path)):
        bucket = task.file.partition[1] if alike else None
        found[bucket].append(DataFile(name, task.file.file_path, task.file.record_count))
    return dict(found)


def _tasks(lake: Lake, name: str, snapshot: int | None) -> Iterator[FileScanTask]:
    yield from lake.table(name).scan(snapshot_id=snapshot).plan_files()


def _bounds(total: int, records: int) -> list[str]:
    """Keys are random hexadecimal digits, so that equal stretches of them hold about as many records."""
    parts = max(-(-total // records), 1)
    return [f"{part * 2**32 // parts:08x}" for part in range(1, parts)]


def _ranges(bounds: Sequence[str], alone: Sequence[str]) -> Iterator[tuple[str, str | None, bool]]:
    singles = {owner: owner + "\0" for owner in alone}
    cuts = sorted({*bounds, *singles, *singles.values()})
    low = ""
    for cut in cuts:
        if cut > low:
            yield low, cut, low in singles
            low = cut
    yield low, None, False


def _filling(lake: Lake, file: DataFile) -> Iterator[str]:
    """The owners whose records fill a whole row group of a file."""
    if file.records <= _GROUPED:
        return
    metadata = open_parquet(lake.table(file.table).io, file.path).metadata
    column = next(at for at in range(metadata.num_columns) if metadata.schema.column(at).name == "owner")
    for group in range(metadata.num_row_groups):
        bounds = metadata.row_group(group).column(column).statistics
        if bounds is not None and bounds.has_min_max and bounds.min == bounds.max:
            yield str(bounds.min)


def open_parquet(io: Any, path: str) -> Any:
    """A file of the lake, opened through its storage (pyiceberg's FileIO)."""
    from pyarrow.parquet import ParquetFile

    return ParquetFile(io.new_input(path).open(), pre_buffer=False)


def bucket_of(owner: str) -> int:
    """The bucket that a session's records are in, as Iceberg counts."""
    from pyiceberg.transforms import BucketTransform
    from pyiceberg.types import StringType

    return int(BucketTransform(schema.BUCKETS).transform(StringType())(owner))  # type: ignore[arg-type]
