"""``lake build``: sessions projected from the lake, written as an export, a dataset or tables, by any engine alike."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields, is_dataclass
from hashlib import blake2b
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple, Protocol

from atlas_otel.errors import UsageError
from atlas_otel.lake.engine import Task
from atlas_otel.lake.failures import translating
from atlas_otel.lake.location import storage_settings
from atlas_otel.lake.schema import BUCKETS
from atlas_otel.lake.unit_sessions import Apart
from atlas_otel.lake.units import RECORDS_A_UNIT, bucket_of, plan_units
from atlas_otel.lake.unnamed import place_unnamed
from atlas_otel_exporters.building.making import MadeFormat
from atlas_otel_exporters.building.staged import Staged
from atlas_otel_exporters.building.tables import TABLES
from atlas_otel_exporters.datasets.create import create_from, require_free
from atlas_otel_exporters.export import Asked, export_from
from atlas_otel_exporters.formats import format_named
from atlas_otel_exporters.training.features import FEATURES
from atlas_otel_exporters.write import open_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from atlas_otel.lake.table import Lake
    from atlas_otel.records.record import Record, RecordSet
    from atlas_otel_exporters import ExportProgress, ExportSummary
    from atlas_otel_exporters.building.making import Job
    from atlas_otel_exporters.building.projected import Given
    from atlas_otel_exporters.datasets.create import Plan
    from atlas_otel_exporters.datasets.manifest import Manifest
    from atlas_otel_exporters.datasets.shards import FileKind
    from atlas_otel_exporters.formats import Format
    from atlas_otel_exporters.write import Lines


class Engine(Protocol):
    """Makes the units of ``tasks`` and takes each into ``staged``; ``done`` is called after each."""

    def __call__(self, job: Job, tasks: Sequence[Task], staged: Staged, done: Callable[[], None]) -> None:
        """Raises ExportError where it cannot go on; what is in ``staged`` by then stays."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a build goes. ``lines``: a file, or ``-``. ``dataset``: a folder, and what is in it. ``tables``: a folder.
    ``work``: a folder for what is under way, as large as the output; a build that was broken off goes on from it."""

    work: Path
    lines: str | None = None
    dataset: tuple[Path, Plan] | None = None
    tables: tuple[Path, FileKind] | None = None

    def require_free(self) -> None:
        """Raise UsageError where a folder holds something, or nothing is asked for."""
        if self.lines is None and self.dataset is None and self.tables is None:
            raise UsageError("nothing to build: give --output, --dataset or --tables")
        if self.dataset is not None:
            require_free(*self.dataset)
        if self.tables is not None and self.tables[0].exists() and any(self.tables[0].iterdir()):
            raise UsageError(f"{self.tables[0]} is not empty: name another folder")


class Built(NamedTuple):
    """What a build came to. ``units`` were made, ``kept`` of them by a build that was broken off."""

    units: int
    kept: int
    lines: ExportSummary | None
    dataset: Manifest | None
    tables: Mapping[str, int]


def build(
    lake: Lake,
    job: Job,
    outputs: Outputs,
    engine: Engine,
    *,
    given: Mapping[str, Given],
    late: Sequence[Record] = (),
    records_a_unit: int = RECORDS_A_UNIT,
    progress: Callable[[ExportProgress], None] | None = None,
) -> Built:
    """Build what is asked for from the lake as it is now. ``given``: what a database says of its sessions; ``late``:
    records that came for them and wait there.

    The same lake and the same ``given`` give the same bytes, whatever the engine, the number of its workers, and the
    order in which the records came in: those of ``atlas-otel export`` over the same records. Raises UsageError for a
    wrong call, StoreError where the lake cannot be read, ExportError where the output cannot be written.
    """
    outputs.require_free()
    with ExitStack() as stack:
        lines = None
        if job.format is not None and outputs.lines is not None:
            # Opened first: what cannot be written is found out before anything is read.
            lines = stack.enter_context(open_lines(outputs.lines, FEATURES.get(job.format)))
        tasks, digest = plan(lake, job, given, late, records_a_unit)
        staged = stack.enter_context(Staged(outputs.work, digest))
        kept = staged.units()
        waiting = [task for task in tasks if task.unit.number not in kept]
        counter = _Counter(len(tasks), len(tasks) - len(waiting), progress)
        with translating(lake.location):
            engine(job, waiting, staged, counter.one)
        if missing := staged.missing(job.selection.session_ids):
            raise UsageError(f"the lake {lake.location} has no session {', '.join(missing)}: give keys, or numbers")
        written = _write(job, outputs, staged, lake, lines)
        staged.remove()
    return Built(len(tasks), len(kept), *written)


class _Counter:
    def __init__(self, total: int, done: int, progress: Callable[[ExportProgress], None] | None) -> None:
        self._total, self._done, self._progress = total, done, progress

    def one(self) -> None:
        from atlas_otel_exporters import ExportProgress

        self._done += 1
        if self._progress is not None:
            self._progress(ExportProgress(self._done, self._total))


def plan(
    lake: Lake, job: Job, given: Mapping[str, Given], late: Sequence[Record], records_a_unit: int
) -> tuple[list[Task], str]:
    """The units of a build, with what each needs to know, and a digest of all that the result depends on."""
    snapshots = lake.snapshots()
    units = plan_units(lake, snapshots, records=records_a_unit)
    unnamed = place_unnamed(lake, snapshots, [record for record in late if record.session_key is None])
    storage, tombstones = storage_settings(), lake.tombstones()
    said: list[dict[str, Given]] = [{} for _ in units]
    records: list[dict[str, Sequence[Record]]] = [{} for _ in units]
    waiting: list[dict[str, list[Record]]] = [{} for _ in units]
    by_bucket: defaultdict[int, list[int]] = defaultdict(list)
    for unit in units:
        for bucket in unit.buckets or range(BUCKETS):
            by_bucket[bucket].append(unit.number)

    def place(key: str) -> int | None:
        bucket = bucket_of(key)
        return next((number for number in by_bucket[bucket] if units[number].holds(key, bucket)), None)

    for key, one in given.items():
        if (number := place(key)) is not None:
            said[number][key] = one
    for record in late:
        if record.session_key is not None and (number := place(record.session_key)) is not None:
            waiting[number].setdefault(record.session_key, []).append(record)
    for key, some in unnamed.records.items():
        number = place(key)
        # A session of which nothing else is in the lake: any unit will do, since each takes what it is given.
        records[number if number is not None else 0][key] = some
    tasks = [
        Task(
            unit,
            Apart(storage, unnamed.traces, tombstones, records[unit.number], waiting[unit.number]),
            said[unit.number],
        )
        for unit in units
    ]
    seen = (snapshots, *map(_stable, job), sorted(given.items()), list(late), records_a_unit, version("atlas-otel"))
    return tasks, blake2b(repr((lake.location.warehouse, *seen)).encode(), digest_size=16).hexdigest()


def _stable(value: object) -> object:
    """The same in every process, whose sets may have orders of their own."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _stable(getattr(value, one.name)) for one in fields(value)}
    return sorted(value) if isinstance(value, frozenset) else value


def _write(
    job: Job, outputs: Outputs, staged: Staged, lake: Lake, lines: Lines | None
) -> tuple[ExportSummary | None, Manifest | None, Mapping[str, int]]:
    summary, manifest, tables = None, None, {}
    if lines is not None:
        summary = export_from(staged, lines, _format(job), Asked(job.selection))
    if outputs.dataset is not None:
        folder, what = outputs.dataset
        manifest = create_from(staged, str(lake.location), folder, what, format=_format(job))
    if outputs.tables is not None:
        tables = _write_tables(job, staged, *outputs.tables)
    return summary, manifest, tables


def _format(job: Job) -> Format:
    assert job.format is not None
    return MadeFormat(format_named(job.format, job.options, _no_records))


def _no_records(key: str) -> RecordSet:
    raise AssertionError("lines of records are made where the records are")


def _write_tables(job: Job, staged: Staged, folder: Path, kind: FileKind) -> dict[str, int]:
    rows = dict.fromkeys(TABLES, 0)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(open_lines(folder / f"{name}.{kind}", features))
            for name, features in TABLES.items()
        }
        for session in stack.enter_context(closing(staged.sessions(job.selection))):
            found = session.body.tables
            for name in TABLES if found is not None else ():
                for line in getattr(found, name):
                    files[name].write(line)
                    rows[name] += 1
    return rows
