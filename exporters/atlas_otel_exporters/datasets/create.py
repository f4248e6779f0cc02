"""Makes a dataset: reads sessions into a staging file, then splits, drops duplicates, writes and describes."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from atlas_otel.errors import ExportError, RecordError, UsageError
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.migrate import migrations
from atlas_otel.records.exact_json import dump
from atlas_otel_exporters.datasets.card import card
from atlas_otel_exporters.datasets.manifest import CARD, LINEAGE, MANIFEST, Manifest, Traced, content_of, read_manifest
from atlas_otel_exporters.datasets.shards import SHARD_BYTES, Shards
from atlas_otel_exporters.datasets.splitting import TaskGroups
from atlas_otel_exporters.datasets.staging import Staged, Staging, State
from atlas_otel_exporters.formats import REMEMBERING, format_named
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.source import DEFAULT_BATCH_SIZE
from atlas_otel_exporters.summary import ExportProgress
from atlas_otel_exporters.training.features import FEATURES
from atlas_otel_exporters.training.options import RowOptions
from atlas_otel_exporters.training.recorded import read_run
from atlas_otel_exporters.training.task_group import task_digest
from atlas_otel_exporters.write import writing_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import IO

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.datasets.exclusion import Exclusion
    from atlas_otel_exporters.datasets.shards import FileKind
    from atlas_otel_exporters.formats import Format, FormatName
    from atlas_otel_exporters.source import SessionSource
    from atlas_otel_exporters.stored import StoredSession

_EACH_COUNTS: Final = frozenset({"rl", "tokens", "atif", "hf-traces", "atlas"})
"""Formats in which two runs that said the same are two samples, and no duplicates."""
_SAVED_EVERY: Final = 200
_UNSPLIT: Final = frozenset({"hf-traces"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dataset is made of. ``split``: shares of train, validation and test, which add up to 1."""

    name: str
    format: FormatName
    selection: Selection = field(default_factory=Selection)
    options: RowOptions = field(default_factory=RowOptions)
    split: Mapping[str, float] = field(default_factory=lambda: {"train": 0.9, "validation": 0.05, "test": 0.05})
    seed: int = 0
    files: FileKind = "parquet"
    exclude: Exclusion | None = None
    keep_duplicates: bool = False
    join_near_duplicates: bool = False
    shard_bytes: int = SHARD_BYTES

    def __post_init__(self) -> None:
        if self.format in _UNSPLIT:
            raise UsageError(f"--format {self.format} makes no dataset: the Hub takes one session a file; use export")
        if self.format == "otlp":
            raise UsageError("--format otlp makes no dataset: its lines are records, to be sent again; use export")
        if self.files == "parquet" and self.format not in FEATURES:
            raise UsageError(f"--format {self.format} has no columns for Parquet: give --files jsonl")


def create_dataset(
    folder: Path, plan: Plan, *, database_url: str, progress: Callable[[ExportProgress], None] | None = None
) -> Manifest:
    """Make the dataset in ``folder``, which must not hold anything, and say what is in it.

    Broken off, it goes on where it was when it is called again; until it is whole there is nothing in ``folder``.
    Raises UsageError where the folder is taken, ExportError where nothing would be in it, something is held out, or it
    cannot be written; StoreError where the database cannot be read.
    """
    require_free(folder, plan)
    with open_reader(database_url) as reader, reader.snapshot():
        return create_from(reader, describe(database_url), folder, plan, progress=progress)


def create_from(
    source: SessionSource,
    described: str,
    folder: Path,
    plan: Plan,
    *,
    format: Format | None = None,
    progress: Callable[[ExportProgress], None] | None = None,
) -> Manifest:
    """The same from any source. ``described``: what the manifest calls it. ``format``: of the plan's name."""
    with writing_errors(str(folder)):
        staging = Staging(folder.parent / f".{folder.name}.part")
        made = _Build(plan, staging, progress, format)
        made.stage(source)
        whole = staging.folder / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir()
        manifest = made.write(whole, described)
        if folder.exists():
            folder.rmdir()
        whole.replace(folder)
        shutil.rmtree(staging.folder, ignore_errors=True)
    return manifest


def require_free(folder: Path, plan: Plan) -> None:
    """Raise UsageError where ``folder`` holds something, ConfigError where the plan needs what is not installed."""
    if plan.files == "parquet":
        from atlas_otel_exporters.parquet import pyarrow_modules

        pyarrow_modules()
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if folder.is_dir() and (folder / MANIFEST).exists():
        raise UsageError(f"{folder} holds the dataset {read_manifest(folder).name}: name another folder, or remove it")
    raise UsageError(f"{folder} is not empty: name another folder")


class _Build:
    def __init__(
        self,
        plan: Plan,
        staging: Staging,
        progress: Callable[[ExportProgress], None] | None,
        format: Format | None = None,
    ) -> None:
        self._plan, self._staging, self._progress = plan, staging, progress
        self._format: Format = format or format_named(plan.format, plan.options)
        self._groups = TaskGroups(join_near=plan.join_near_duplicates)
        self._left_out: Counter[str] = Counter()
        self._sessions = 0
        self._said = _plan_json(plan)

    def stage(self, reader: SessionSource) -> None:
        """Put the rows of all sessions into the staging file, from where it was left."""
        plan = self._plan
        considered = reader.consider(plan.selection)
        sessions = reader.picked(plan.selection)
        if self._format.reads_twice:
            for session in reader.sessions_numbered(list(sessions), DEFAULT_BATCH_SIZE):
                self._format.learn(session)
        build = blake2b(dump(self._said), digest_size=16).hexdigest()
        done = self._resumable(build, sessions)
        waiting = [number for number in sessions if done is None or number > done.last]
        self._sessions = 0 if done is None else done.sessions
        self._left_out.update({} if done is None else done.left_out)
        with self._staging.open(0 if done is None else done.size) as stream:
            read = len(sessions) - len(waiting)
            with closing(reader.sessions_numbered(waiting, DEFAULT_BATCH_SIZE)) as stored:
                for number, session in enumerate(stored, start=1):
                    self._stage_one(stream, session)
                    if number % _SAVED_EVERY == 0:
                        self._save(stream, build, sessions, session.id)
                    if self._progress is not None:
                        self._progress(ExportProgress(read + number, len(sessions)))
            if waiting:
                self._save(stream, build, sessions, waiting[-1])
            self._stage_runs(stream, reader, list(sessions))
        self._left_out.update(considered.skipped)

    def _resumable(self, build: str, sessions: Mapping[int, str]) -> State | None:
        state = self._staging.state() if self._plan.format not in REMEMBERING else None
        if state is None or state.build != build or state.seen != _seen(sessions, state.last):
            return None
        return state

    def _save(self, stream: IO[bytes], build: str, sessions: Mapping[int, str], last: int) -> None:
        counted = Counter(self._left_out)
        counted.update({f"model calls: {reason}": count for reason, count in self._format.left_out.items()})
        size = stream.tell()
        self._staging.save(stream, State(build, _seen(sessions, last), last, size, self._sessions, dict(counted)))

    def _stage_one(self, stream: IO[bytes], session: StoredSession) -> None:
        try:
            found = list(self._format.traced(session))
        except RecordError:
            self._left_out["unreadable"] += 1
            return
        self._sessions += bool(found)
        self._stage_rows(stream, session, found)

    def _stage_rows(self, stream: IO[bytes], session: StoredSession, found: Iterable[tuple[bytes, list[str]]]) -> None:
        run = read_run(session)
        for line, span_ids in found:
            if self._plan.exclude is not None:
                self._plan.exclude.check(run.key or str(run.id), run.task, line)
            staged = Staged("", run.task, run.task_group, run.id, run.key, run.reward, span_ids, line.decode())
            stream.write(dump(list(staged)) + b"\n")

    def _stage_runs(self, stream: IO[bytes], reader: SessionSource, numbers: list[int]) -> None:
        """What several runs of one task make together; last, and never gone on from."""
        if not self._format.compares_runs:
            return
        tasks: dict[tuple[str, str], list[int]] = {}
        for run in map(read_run, reader.without_events(numbers)):
            if run.task_group is not None and run.reward is not None:
                tasks.setdefault((run.task_group, task_digest(run.task)), []).append(run.id)
        for runs in (runs for runs in tasks.values() if len(runs) > 1):
            sessions = list(reader.sessions_numbered(runs, DEFAULT_BATCH_SIZE))
            self._stage_rows(stream, sessions[0], self._format.traced_runs(sessions))

    def write(self, folder: Path, database: str) -> Manifest:
        """Write the files into ``folder``, and what describes them."""
        plan = self._plan
        names = [self._groups.add(row.task_group, row.task) for row in self._staging.rows()]
        if not names:
            raise ExportError(f"nothing would be in the dataset {plan.name}: {_because(self._left_out)}")
        assigned = self._groups.assign(names, plan.split, plan.seed)
        splits = [assigned[self._groups.representative(name)] for name in names]
        features = FEATURES.get(plan.format) if plan.files == "parquet" else None
        counts: Counter[str] = Counter(sessions=self._sessions)
        with ExitStack() as stack:
            shards = {
                split: stack.enter_context(Shards(folder, split, plan.files, features, plan.shard_bytes))
                for split in plan.split
                if split in splits
            }
            lineage = stack.enter_context((folder / LINEAGE).open("wb"))
            seen = stack.enter_context(_Seen(self._staging.folder / "seen.db"))
            # Split after split, so that the lineage's lines are in the order of the files' rows.
            for split in shards:
                for row, its_split in zip(self._staging.rows(), splits, strict=True):
                    if its_split == split and self._write_row(row, split, shards[split], lineage, seen):
                        counts[split] += 1
                        counts["rows"] += 1
            files = tuple(file for split in shards for file in shards[split].finish())
        if near := self._groups.near_across(assigned):
            counts["near-duplicate tasks across splits"] = len(near)
        manifest = Manifest(
            name=plan.name,
            format=plan.format,
            selection=self._said["selection"],
            options=self._said["options"],
            counts=dict(sorted(counts.items())),
            left_out={reason: count for reason, count in sorted(self._all_left_out().items()) if count},
            files=files,
            database=database,
            database_schema=migrations()[-1].version,
            writer=f"atlas-otel {version('atlas-otel')}",
        )
        (folder / MANIFEST).write_bytes(manifest.to_json())
        (folder / CARD).write_text(card(manifest, FEATURES.get(plan.format)), encoding="utf-8")
        return read_manifest(folder)

    def _all_left_out(self) -> Counter[str]:
        return self._left_out + Counter(
            {f"model calls: {reason}": count for reason, count in self._format.left_out.items()}
        )

    def _write_row(self, row: Staged, split: str, shards: Shards, lineage: IO[bytes], seen: _Seen) -> bool:
        line = row.line.encode()
        held = orjson.loads(line)
        own = (row.session_key or str(row.session_id)) if self._plan.format in _EACH_COUNTS else None
        if not self._plan.keep_duplicates and not seen.is_new(content_of(held, of_session=own)):
            self._left_out["exact duplicate"] += 1
            return False
        shards.write(line)
        traced = Traced(split, row.session_id, row.session_key, row.span_ids, row.reward, content_of(held))
        lineage.write(dump(list(traced)) + b"\n")
        return True


class _Seen:
    """Which contents were written: in a file, so that memory does not grow with the rows."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")
        self._connection.execute("CREATE TABLE seen (content TEXT PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> _Seen:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def is_new(self, content: str) -> bool:
        return self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?)", [content]).rowcount == 1


def _seen(sessions: Mapping[int, str], last: int) -> str:
    digest = blake2b(digest_size=16)
    for number, mark in sessions.items():
        if number <= last:
            digest.update(f"{number}={mark};".encode())
    return digest.hexdigest()


def _plan_json(plan: Plan) -> dict[str, JsonObject]:
    """What the plan comes to, as the manifest has it."""
    selection = {key: _plain(value) for key, value in asdict(plan.selection).items() if value not in (None, (), False)}
    options = {key: _plain(value) for key, value in asdict(plan.options).items()}
    own = ("split", "seed", "files", "keep_duplicates", "join_near_duplicates")
    return {
        "selection": selection,
        "options": {**options, **{key: _plain(getattr(plan, key)) for key in own}, "format": plan.format},
    }


def _plain(value: Any) -> JsonValue:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if hasattr(value, "isoformat") else cast("JsonValue", value)


def _because(left_out: Mapping[str, int]) -> str:
    causes = ", ".join(f"{count} ({reason})" for reason, count in left_out.items() if count)
    if not causes:
        return "no session passes the filters"
    waits = any(reason.startswith("review status") and count for reason, count in left_out.items())
    remedy = "; approve with atlas-otel review approve ID, or give --include-status pending" if waits else ""
    return f"left out: {causes}{remedy}"
