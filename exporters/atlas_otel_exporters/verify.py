"""Do records, rows and exported lines say the same? Reads all three and leaves the comparing to ``verification``.

Sessions are read some at a time: few statements, and no more in memory than :data:`CHUNK_RECORDS` records or
:data:`CHUNK_BYTES` of lines, or one session where that is larger.
"""

from __future__ import annotations

import gzip
from functools import partial
from typing import IO, TYPE_CHECKING, Final, NamedTuple, cast

import orjson

from atlas_otel import semconv
from atlas_otel.errors import ExportError, RecordError, UsageError
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current
from atlas_otel.postgres.reader import count_records_since, projection_states, read_records_since, read_rows_of
from atlas_otel.process.garbage import collected_seldom
from atlas_otel.process.jobs import results_in_order
from atlas_otel.projection.project import project
from atlas_otel.records.record import RecordSet
from atlas_otel_exporters.differences import Difference, compare_json, compare_rows
from atlas_otel_exporters.encode import REVISION, encode_session
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.write import zstd_module

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from pathlib import Path

    import psycopg

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.postgres.reader import ProjectionState
    from atlas_otel.records.record import Record
    from atlas_otel_exporters.read import SessionReader
    from atlas_otel_exporters.stored import StoredSession

CHUNK_RECORDS: Final = 5_000
CHUNK_BYTES: Final = 8 * 1024 * 1024
_CHUNK_SESSIONS: Final = 100


class Verified(NamedTuple):
    """What became of one session. ``waits``: its rows are still to follow its records, so they were not compared;
    ``archived``: nor were they, since its records are in a lake."""

    session: str
    differences: list[Difference]
    waits: bool = False
    archived: bool = False


class _Line(NamedTuple):
    """The last line of a session in a file. ``revision``: as ``export --follow`` numbers them."""

    name: str
    revision: int | None
    text: bytes


def verify_database(database_url: str, keys: Sequence[str], *, jobs: int = 1) -> Iterator[Verified]:
    """For each of these sessions, once, where its stored rows differ from what its records come to.

    Records and rows of a session are read from one snapshot, so that what is written meanwhile is no difference.
    ``jobs``: in so many processes. Raises StoreError where the database cannot be read.
    """
    once = list(dict.fromkeys(keys))
    size = _CHUNK_SESSIONS if jobs > 1 else max(len(once), 1)
    pieces = (once[start : start + size] for start in range(0, len(once), size))
    if jobs == 1:
        for piece in pieces:
            yield from _verify(database_url, piece)
        return
    for verified in results_in_order(partial(_verified_piece, database_url), pieces, jobs):
        yield from verified


def _verified_piece(database_url: str, keys: Sequence[str]) -> list[Verified]:
    with collected_seldom():
        return list(_verify(database_url, keys))


def _verify(database_url: str, keys: Sequence[str]) -> Iterator[Verified]:
    with (
        # A person waits and can break off: no statement is too long.
        connect(database_url, statement_timeout_ms=0) as connection,
        translating(database_url),
        quiet(),
    ):
        require_current(connection, database_url)
        for some in _chunks(connection, keys):
            with connection.snapshot():
                states = projection_states(connection, some)
                records = read_records_since(connection, dict.fromkeys(some, 0))
                rows = read_rows_of(connection, some)
            for key in some:
                yield _verified(key, states.get(key), records.pop(key), rows.pop(key, None))


def _verified(key: str, state: ProjectionState | None, records: Iterable[Record], rows: SessionRows | None) -> Verified:
    if state is not None and state.archived:
        return Verified(key, [], archived=True)
    if state is not None and state.waits:
        return Verified(key, [], waits=True)
    if state is not None and state.error is not None:
        return Verified(key, [Difference(key, "rows", "computed from the records", f"not so: {state.error}")])
    return Verified(key, list(compare_rows(key, project(RecordSet(records)), rows)))


def _chunks(connection: psycopg.Connection, keys: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    held = 0
    for start in range(0, len(keys), _CHUNK_SESSIONS):
        page = keys[start : start + _CHUNK_SESSIONS]
        counts = count_records_since(connection, dict.fromkeys(page, 0))
        for key in page:
            if chunk and (held + counts[key] > CHUNK_RECORDS or len(chunk) == _CHUNK_SESSIONS):
                yield chunk
                chunk, held = [], 0
            chunk.append(key)
            held += counts[key]
    if chunk:
        yield chunk


def verify_file(database_url: str, path: Path, keys: Container[str] | None = None) -> Iterator[list[Difference]]:
    """For each session's last line in ``path``, where it differs from what an export of the database would write now.

    ``keys``: only these sessions. Raises ExportError where the file cannot be read.
    """
    latest = _latest(path, keys)
    with open_reader(database_url) as reader, reader.snapshot():
        for lines in _line_chunks(path, latest):
            stored = _stored(reader, [line.name for line in lines])
            for line in lines:
                yield list(_compare(line, stored.get(line.name)))


def _latest(path: Path, keys: Container[str] | None) -> dict[int, tuple[str, int | None]]:
    """The numbers of the last lines of sessions, with name and revision: a follower writes a session again."""
    numbers: dict[str, int] = {}
    revisions: dict[str, int | None] = {}
    for number, text in _lines(path):
        name, revision = _name_of(path, number, text)
        if keys is None or name in keys:
            numbers[name] = number
            revisions[name] = revision
    return {number: (name, revisions[name]) for name, number in numbers.items()}


def _line_chunks(path: Path, latest: dict[int, tuple[str, int | None]]) -> Iterator[list[_Line]]:
    chunk: list[_Line] = []
    held = 0
    for number, text in _lines(path):
        if number not in latest:
            continue
        if chunk and (held + len(text) > CHUNK_BYTES or len(chunk) == _CHUNK_SESSIONS):
            yield chunk
            chunk, held = [], 0
        chunk.append(_Line(*latest[number], text))
        held += len(text)
    if chunk:
        yield chunk


def _stored(reader: SessionReader, names: Sequence[str]) -> dict[str, StoredSession]:
    """The sessions of these names that are in the database."""
    try:
        sessions = list(reader.sessions(Selection(session_ids=tuple(names), review_statuses=None)))
    except UsageError:  # one of them is not there
        if len(names) == 1:
            return {}
        middle = len(names) // 2
        return {**_stored(reader, names[:middle]), **_stored(reader, names[middle:])}
    return {name: session for session in sessions for name in (session.key, str(session.id)) if name}


def _compare(line: _Line, stored: StoredSession | None) -> Iterator[Difference]:
    if stored is None:
        yield Difference(line.name, "line", "no such session in the database", "a line")
        return
    try:
        # A number is no part of what was recorded: whoever followed numbered its lines.
        expected = encode_session(stored, revision=line.revision)
    except RecordError as error:
        yield Difference(line.name, "line", f"nothing that can be read ({error})", "a line")
        return
    if expected != line.text.rstrip(b"\r\n"):
        yield from compare_json(line.name, "line", orjson.loads(expected), orjson.loads(line.text))


def _name_of(path: Path, number: int, line: bytes) -> tuple[str, int | None]:
    try:
        held = orjson.loads(line)
        metadata = held["session_metadata"]
        # The key where the session is ours: it is the same in every database.
        return str(metadata.get(semconv.SESSION_KEY) or metadata["session_id"]), held.get(REVISION)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        raise ExportError(f"{path}, line {number}: not a line that `export --format atlas` wrote") from None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror or error})") from None


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    if path.suffix == ".zst":
        return cast("IO[bytes]", zstd_module().ZstdFile(path, "rb"))
    return path.open("rb")
