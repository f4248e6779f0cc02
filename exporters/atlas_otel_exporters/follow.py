"""``--follow``: writes each session when it is complete, and again, with a higher revision, when later data changed it.

What stands in the file already is read first, so that a follower that was stopped goes on where it was. The lines
themselves are the memory: a session is written again when its lines, under the revision they were written with, would
come out otherwise.
"""

from __future__ import annotations

import io
import os
import stat
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel import semconv
from atlas_otel.errors import ExportError, PermanentStoreError, RecordError, RetryableStoreError, UsageError
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.process.file_lock import try_lock
from atlas_otel_exporters.encode import REVISION
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.summary import ExportSummary
from atlas_otel_exporters.write import STANDARD_OUTPUT, lines_to, writing_errors

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Buffer

    from atlas_otel.models.json_types import JsonValue
    from atlas_otel_exporters.formats import Format
    from atlas_otel_exporters.read import SessionReader
    from atlas_otel_exporters.selection import Selection
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.write import Lines

POLL_S: Final = 1.0
_COMPUTED_AT_ONCE: Final = 100
_SHARE_OF_TIME: Final = 0.1
"""Looking for changes takes at most this share of the time: a large database is looked at more seldom."""


class _Written(NamedTuple):
    revision: int
    digest: bytes


def follow_sessions(
    output: str | os.PathLike[str],
    *,
    database_url: str,
    selection: Selection,
    format: Format,
    stop: threading.Event,
    batch_size: int,
    event_limit: int | None = None,
    poll_s: float = POLL_S,
    waiting: Callable[[RetryableStoreError], None] | None = None,
) -> ExportSummary:
    """Write until ``stop`` is set. A database that is away is waited for, and ``waiting`` told.

    Raises UsageError where the output is compressed, or the selection counts sessions; ExportError where it cannot be
    written; StoreError other than RetryableStoreError.
    """
    if selection.limit is not None or selection.offset or selection.newest_first:
        raise UsageError("a follower writes sessions as they come: leave out limit, offset and newest first")
    with _appending(output) as (lines, written), PostgresStore(database_url, migrate_schema=False) as store:
        computing = _Computing(store)
        follower = _Follower(lines, written, selection, format, batch_size, event_limit)
        while not stop.is_set():
            try:
                with open_reader(database_url) as reader:
                    while not stop.is_set():
                        began = time.monotonic()
                        computing.once()
                        follower.poll(reader)
                        stop.wait(max(poll_s, (time.monotonic() - began) / _SHARE_OF_TIME))
            except RetryableStoreError as error:
                if waiting is not None:
                    waiting(error)
                stop.wait(poll_s)
        return follower.summary()


class _Computing:
    """Computes sessions that are behind their records: whoever recorded them may have gone. A role that may not write
    leaves that to others."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._may = True

    def once(self) -> None:
        """Some of those that wait."""
        try:
            if self._may:
                self._store.project(limit=_COMPUTED_AT_ONCE)
        except PermanentStoreError:
            self._may = False


class _Follower:
    def __init__(
        self,
        lines: Lines,
        written: dict[str, _Written],
        selection: Selection,
        format: Format,
        batch_size: int,
        event_limit: int | None,
    ) -> None:
        self._lines = lines
        self._written = written
        self._selection = selection
        self._format = format
        self._batch_size = batch_size
        self._event_limit = event_limit
        self._fingerprints: dict[int, str] = {}
        self._counts: Counter[str] = Counter()

    def poll(self, reader: SessionReader) -> None:
        """Write what changed since the last time."""
        with reader.snapshot():
            now = reader.fingerprints(self._selection)
            changed = [number for number, fingerprint in now.items() if self._fingerprints.get(number) != fingerprint]
            with closing(reader.sessions_numbered(changed, self._batch_size, self._event_limit)) as sessions:
                for session in sessions:
                    self._write(session)
        self._lines.flush()
        self._fingerprints = now

    def _write(self, session: StoredSession) -> None:
        name = next((name for name in _names(session) if name in self._written), str(session.id))
        before = self._written.get(name)
        try:
            if before is not None and _digest(self._format(session, revision=before.revision)) == before.digest:
                return
            revision = 1 if before is None else before.revision + 1
            lines = list(self._format(session, revision=revision))
        except RecordError:
            # Not readable now; when its rows change it is tried again.
            return
        for line in lines:
            self._lines.write(line)
        if lines:
            self._written[name] = _Written(revision, _digest(lines))
            self._counts["sessions" if before is None else "revisions"] += 1
            self._counts["lines"] += len(lines)
            self._counts["steps"] += len(session.steps)
            self._counts["events"] += len(session.events)

    def summary(self) -> ExportSummary:
        """What was written since the start."""
        return ExportSummary(
            sessions=self._counts["sessions"],
            steps=self._counts["steps"],
            events=self._counts["events"],
            lines=self._counts["lines"],
            bytes=self._lines.bytes_written,
            revisions=self._counts["revisions"],
        )


def _names(session: StoredSession) -> Iterator[str]:
    yield str(session.id)
    if session.key is not None:
        yield session.key


def _digest(lines: Iterable[bytes]) -> bytes:
    digest = blake2b(digest_size=16)
    for line in lines:
        digest.update(line + b"\n")
    return digest.digest()


class _WholeLines:
    """Lines at the end of a file, each in one write of the operating system's: whoever kills a follower hardly ever
    leaves a part of one."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.bytes_written = 0

    def write(self, line: bytes) -> None:
        """Write one line; its end is added. Where it does not fit on the disk, no part of it stays."""
        end = self._file.seek(0, os.SEEK_END)
        left = memoryview(line + b"\n")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(end)
            raise
        self.bytes_written += len(line) + 1

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def _appending(output: str | os.PathLike[str]) -> Iterator[tuple[Lines, dict[str, _Written]]]:
    """Where lines go, and what stands there already. A line that a killed follower left half-written is removed.

    A file that anything else is in is left alone, and so is one that another follower writes.
    """
    name = os.fspath(output)
    if name.endswith((".gz", ".zst")):
        raise UsageError(f"{name} cannot be followed into: give a name without .gz or .zst, and compress it later")
    with writing_errors(name):
        if name == STANDARD_OUTPUT:
            with lines_to(name) as lines:
                yield lines, {}
            return
        path = Path(name).expanduser().resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{name} is not a file: give the name of one, or - for standard output")
            if not try_lock(file.fileno()):
                raise ExportError(f"another follower writes {name}: give each a file of its own")
            file.seek(0)
            written, end = _read_back(io.BufferedReader(_Unclosed(file)), name)
            if end < os.fstat(file.fileno()).st_size:
                file.truncate(end)
            yield _WholeLines(file), written


class _Unclosed(io.RawIOBase):
    """A file that is read through a buffer, and stays open when that goes."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        return self._file.readinto(buffer)


def _read_back(stream: Iterable[bytes], name: str) -> tuple[dict[str, _Written], int]:
    """What each session was last written as, and where the last whole line ends."""
    last: dict[str, tuple[int, list[bytes]]] = {}
    end = 0
    ours = b""
    for number, line in enumerate(stream, 1):
        try:
            if not line.endswith(b"\n"):
                # A part of a line of ours begins as the whole ones do. Alone in the file it could be anybody's.
                if not ours or not (line.startswith(ours) or ours.startswith(line)):
                    raise ValueError
                break
            session, revision = _source(orjson.loads(line))
        except (ValueError, KeyError, TypeError):
            raise ExportError(
                f"{name}: line {number} was not written by --follow; give the name of a new file"
            ) from None
        end += len(line)
        ours = line[: line.index(b":") + 1]
        if session not in last or last[session][0] != revision:
            last[session] = (revision, [])
        last[session][1].append(line[:-1])
    return {session: _Written(revision, _digest(lines)) for session, (revision, lines) in last.items()}, end


def _source(line: JsonValue) -> tuple[str, int]:
    """(session, revision) of a written line."""
    if not isinstance(line, dict):
        raise TypeError
    held = line.get("session_metadata", line)
    revision = line[REVISION]
    if not isinstance(held, dict) or not isinstance(revision, int):
        raise TypeError
    return str(held.get(semconv.SESSION_KEY) or held["session_id"]), revision
