"""The sessions of a unit, one after the other: what its files hold of each, merged, and what was placed apart."""

from __future__ import annotations

from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.lake import schema
from atlas_otel.lake.units import open_parquet
from atlas_otel.projection.trace_sessions import is_telling
from atlas_otel.records.record import RecordSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.lake.units import DataFile, Unit
    from atlas_otel.records.record import Record

_ROWS: Final = 512
"""How many rows of a file are in memory at once: one may hold a megabyte."""
_Rows = tuple[str, str, list[dict[str, Any]]]  # owner, table, rows


class Apart(NamedTuple):
    """What a unit's files do not say of its sessions.

    ``storage``: Iceberg's settings of it. ``traces``: traces some of whose records name their session: those that do
    not were placed elsewhere, and their rows are passed over. ``tombstones``: what was deleted. ``records``: records by
    session that come from elsewhere. ``late``: records of sessions that are in the lake, which are not there yet.
    """

    storage: Mapping[str, str]
    traces: frozenset[str] = frozenset()
    tombstones: frozenset[tuple[str, str]] = frozenset()
    records: Mapping[str, Sequence[Record]] = {}
    late: Mapping[str, Sequence[Record]] = {}


def sessions_of(unit: Unit, apart: Apart) -> Iterator[tuple[str, RecordSet]]:
    """The records of each session of the unit, whole and merged, as Postgres gives them to the projection.

    One session is in memory at a time. Raises OSError where a file cannot be read, RecordError where a row is damaged.
    """
    from pyiceberg.io.pyarrow import PyArrowFileIO

    io = PyArrowFileIO(dict(apart.storage))
    rows = merge(*(_of_file(io, file, unit) for file in unit.files), key=itemgetter(0))
    seen: set[str] = set()
    for owner, some in groupby(rows, itemgetter(0)):
        seen.add(owner)
        if (records := _session(owner, some, apart)) is not None:
            yield owner, records
    for owner in apart.records.keys() - seen:
        if ("session", owner) not in apart.tombstones:
            yield owner, RecordSet(_kept(apart.records[owner], apart))


def _session(owner: str, rows: Iterator[_Rows], apart: Apart) -> RecordSet | None:
    records = RecordSet()
    named = False
    for _, table, some in rows:
        for row in some:
            if row["session_key"] is None and row["session_trace"] in apart.traces:
                continue
            if ("trace", row["trace_id"]) in apart.tombstones:
                continue
            record = schema.span_from_row(row) if table == schema.SPANS else schema.event_from_row(row)
            named = named or record.session_key is not None
            records.add(record if record.session_key == owner else record._replace(session_key=owner))
    if ("session", owner) in apart.tombstones:
        return None
    if not named and not any(map(is_telling, records.spans.values())):
        records = RecordSet()  # spans of nobody's session
    late = apart.late.get(owner, ()) if len(records) else ()
    for record in _kept([*apart.records.get(owner, ()), *late], apart):
        records.add(record)
    return records if len(records) else None


def _kept(records: Sequence[Record], apart: Apart) -> Iterator[Record]:
    return (record for record in records if ("trace", record.trace_id) not in apart.tombstones)


def _of_file(io: Any, file: DataFile, unit: Unit) -> Iterator[_Rows]:
    """The rows of a file that belong to the unit, by owner, in order of owners."""
    from pyarrow import compute

    parquet = open_parquet(io, file.path)
    groups = _groups(parquet.metadata, unit)
    if not groups:
        return
    known = set(parquet.schema_arrow.names)
    columns = [column.name for column in schema.COLUMNS[file.table] if column.name in known]
    if not _is_sorted(parquet, groups):
        # Some other program wrote it, in an order of its own: then all that is wanted of it is held at once.
        table = parquet.read_row_groups(groups, columns=columns)
        batches = table.sort_by("owner").to_batches(max_chunksize=_ROWS)
    else:
        batches = parquet.iter_batches(batch_size=_ROWS, row_groups=groups, columns=columns)
    for batch in batches:
        owners = batch.column("owner")
        wanted = compute.greater_equal(owners, unit.low)
        if unit.high is not None:
            wanted = compute.and_(wanted, compute.less(owners, unit.high))
        rows = batch.filter(wanted).to_pylist()
        for owner, some in groupby(rows, itemgetter("owner")):
            yield owner, file.table, list(some)


def _groups(metadata: Any, unit: Unit) -> list[int]:
    """The row groups that may hold owners of the unit."""
    column = next(at for at in range(metadata.num_columns) if metadata.schema.column(at).name == "owner")
    found = []
    for group in range(metadata.num_row_groups):
        bounds = metadata.row_group(group).column(column).statistics
        if bounds is None or not bounds.has_min_max or _overlaps(unit, str(bounds.min), str(bounds.max)):
            found.append(group)
    return found


def _overlaps(unit: Unit, least: str, most: str) -> bool:
    return most >= unit.low and (unit.high is None or least < unit.high)


def _is_sorted(parquet: Any, groups: Sequence[int]) -> bool:
    last = ""
    for batch in parquet.iter_batches(batch_size=65_536, row_groups=groups, columns=["owner"]):
        for owner in batch.column(0).to_pylist():
            if owner < last:
                return False
            last = owner
    return True
