"""Sessions that were made, on their way into an export: bodies in files, and an index of them in their order.

An index file says which units of a build are whole, so that a build that was broken off makes only the others again.
Sessions come in any order; they are read by number.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import UsageError
from atlas_otel.process.file_lock import try_lock
from atlas_otel_exporters.building.making import unpacked
from atlas_otel_exporters.source import DEFAULT_BATCH_SIZE, Considered, Stretch
from atlas_otel_exporters.write import writing_errors

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import IO

    from typing_extensions import Self

    from atlas_otel_exporters.building.making import Made, MadeSession
    from atlas_otel_exporters.selection import Selection

_INDEX: Final = "index.db"
_OPEN_FILES: Final = 200
_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS build (digest TEXT);
CREATE TABLE IF NOT EXISTS units (unit INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS sessions (
    number INTEGER, key TEXT, skipped TEXT, conversation TEXT, unit INTEGER, at INTEGER, size INTEGER, mark TEXT,
    PRIMARY KEY (number, key)
) WITHOUT ROWID;
"""
_WHERE: Final = "FROM sessions WHERE skipped IS NULL ORDER BY number {direction}, key LIMIT ? OFFSET ?"
_STRETCHES: Final = f"""
WITH picked AS (SELECT number, key, conversation {_WHERE}),
placed AS (
    SELECT number, key,
           CASE WHEN conversation IS NULL THEN number ELSE max(number) OVER same END AS place,
           conversation IS NOT NULL AND count(*) OVER same > 1 AS shared
    FROM picked
    WINDOW same AS (PARTITION BY conversation)
)
SELECT number, CASE WHEN shared THEN place END FROM placed ORDER BY place {{direction}}, number, key
"""  # noqa: S608  (constants)


class Entry(NamedTuple):
    """Where the body of a session stands in its unit's file."""

    number: int
    key: str
    skipped: str | None
    conversation: str | None
    at: int
    size: int
    mark: str


class Staged:
    """The folder of a build, as a source of sessions. ``digest`` is of what is built: a folder of another build is
    emptied."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.folder = folder
        with writing_errors(str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("w")
        if not try_lock(self._lock.fileno()):
            self._lock.close()
            raise UsageError(
                f"another build is at work in {folder}: wait for it, or give --work another folder"
            ) from None
        self._index = sqlite3.connect(folder / _INDEX, isolation_level=None)
        self._files: dict[int, IO[bytes]] = {}
        self._index.executescript(_SCHEMA)
        held = self._index.execute("SELECT digest FROM build").fetchone()
        if held != (digest,):
            self._index.executescript("DELETE FROM build; DELETE FROM units; DELETE FROM sessions")
            self._index.execute("INSERT INTO build VALUES (?)", [digest])

    def units(self) -> set[int]:
        """The units that are whole."""
        return {unit for (unit,) in self._index.execute("SELECT unit FROM units")}

    def add(self, unit: int, entries: Iterable[Entry]) -> None:
        """Take in a unit whose file (:func:`unit_file`) is whole."""
        self._index.execute("BEGIN")
        self._index.executemany(
            "INSERT OR REPLACE INTO sessions (unit, number, key, skipped, conversation, at, size, mark)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((unit, *entry) for entry in entries),
        )
        self._index.execute("INSERT OR REPLACE INTO units VALUES (?)", [unit])
        self._index.execute("COMMIT")

    def missing(self, names: Sequence[int | str]) -> list[str]:
        """Those of these keys and numbers that no session has."""
        query = "SELECT 1 FROM sessions WHERE key = ? OR CAST(number AS TEXT) = ? LIMIT 1"
        return [str(name) for name in names if self._index.execute(query, [str(name)] * 2).fetchone() is None]

    def consider(self, selection: Selection) -> Considered:
        """How many sessions the filters took, and left out; they were applied when the sessions were made."""
        counts = dict(self._index.execute("SELECT skipped, count(*) FROM sessions GROUP BY skipped ORDER BY skipped"))
        return Considered(counts.pop(None, 0), counts)

    def sessions(
        self, selection: Selection, *, batch_size: int = DEFAULT_BATCH_SIZE, event_limit: int | None = None
    ) -> Generator[MadeSession, None, None]:
        """The sessions that are asked for, by their numbers."""
        query = f"SELECT unit, at, size {_WHERE.format(direction=_direction(selection))}"
        with closing(self._index.execute(query, _bounds(selection))) as rows:
            for unit, at, size in rows:
                yield self._read(unit, at, size)

    def sessions_alone(
        self, selection: Selection, *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Generator[MadeSession, None, None]:
        """The same: a session that was made holds its lines."""
        return self.sessions(selection)

    def stretches(
        self, selection: Selection, *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Generator[Stretch, None, None]:
        """The numbers of the sessions that are asked for, those of one conversation together."""
        query = _STRETCHES.format(direction=_direction(selection))
        with closing(self._index.execute(query, _bounds(selection))) as rows:
            for conversation, group in groupby(rows, itemgetter(1)):
                if conversation is not None:
                    yield Stretch([number for number, _ in group], joined=True)
                else:
                    yield from (Stretch([number], joined=False) for number, _ in group)

    def sessions_numbered(
        self, ids: Sequence[int], batch_size: int = DEFAULT_BATCH_SIZE, event_limit: int | None = None
    ) -> Generator[MadeSession, None, None]:
        """The sessions with these numbers."""
        for number in ids:
            query = "SELECT unit, at, size FROM sessions WHERE number = ? AND skipped IS NULL ORDER BY key"
            for unit, at, size in self._index.execute(query, [number]).fetchall():
                yield self._read(unit, at, size)

    def picked(self, selection: Selection) -> dict[int, str]:
        """The numbers that are asked for, each with a digest of its session."""
        query = f"SELECT number, mark {_WHERE.format(direction=_direction(selection))}"
        return dict(sorted(self._index.execute(query, _bounds(selection))))

    def without_events(self, ids: Sequence[int], batch_size: int = DEFAULT_BATCH_SIZE) -> Iterator[MadeSession]:
        """The sessions with these numbers; their own rows are all that they hold here."""
        return self.sessions_numbered(ids)

    def _read(self, unit: int, at: int, size: int) -> MadeSession:
        if unit not in self._files:
            if len(self._files) >= _OPEN_FILES:
                self._close_files()
            self._files[unit] = unit_file(self.folder, unit).open("rb")
        stream = self._files[unit]
        stream.seek(at)
        return unpacked(stream.read(size))

    def _close_files(self) -> None:
        for stream in self._files.values():
            stream.close()
        self._files = {}

    def close(self) -> None:
        """Close the files; they stay."""
        self._close_files()
        self._index.close()
        self._lock.close()

    def remove(self) -> None:
        """Close the files, and forget them."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def unit_file(folder: Path, unit: int) -> Path:
    """The file that holds the bodies of a unit's sessions."""
    return folder / f"unit-{unit:07d}"


def write_unit(folder: Path, unit: int, sessions: Iterable[Made]) -> list[Entry]:
    """Write a unit's bodies into its file, which appears when it is whole; where each stands."""
    entries: list[Entry] = []
    part = unit_file(folder, unit).with_suffix(".part")
    at = 0
    with part.open("wb") as stream:
        for made in sessions:
            stream.write(made.body)
            mark = blake2b(made.body, digest_size=8).hexdigest()
            entries.append(Entry(made.number, made.key, made.skipped, made.conversation, at, len(made.body), mark))
            at += len(made.body)
    part.replace(unit_file(folder, unit))
    return entries


def _direction(selection: Selection) -> str:
    return "DESC" if selection.newest_first else "ASC"


def _bounds(selection: Selection) -> tuple[int, int]:
    return -1 if selection.limit is None else selection.limit, selection.offset
