"""Do records, rows and exported lines say the same? Reads all three and leaves the comparing to ``verification``."""

from __future__ import annotations

import gzip
from typing import IO, TYPE_CHECKING, cast

import orjson

from atlas_otel import semconv
from atlas_otel.errors import ExportError, UsageError
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.projection import project
from atlas_otel.verification import Difference, compare_json, compare_rows
from atlas_otel_exporters.encode import encode_session
from atlas_otel_exporters.read import open_reader
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.write import zstd_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from atlas_otel_exporters.read import Reader


def verify_database(database_url: str, keys: Sequence[str]) -> Iterator[Difference]:
    """Where the stored rows of these sessions differ from what their records come to, one session at a time."""
    with PostgresStore(database_url, migrate_schema=False) as store:
        for key in keys:
            yield from compare_rows(key, project(store.records(key)), store.rows(key))


def verify_file(database_url: str, path: Path, keys: Sequence[str] | None = None) -> Iterator[list[Difference]]:
    """For each session's last line in ``path``, where it differs from what an export of the database would write now.

    ``keys``: only these sessions. Raises ExportError where the file cannot be read.
    """
    latest: dict[str, int] = {}
    for number, line in _lines(path):
        latest[_name_of(path, number, line)] = number
    with open_reader(database_url) as reader, reader.snapshot():
        for number, line in _lines(path):
            name = _name_of(path, number, line)
            if latest[name] == number and (keys is None or name in keys):
                yield list(_compare(reader, name, cast("dict[str, object]", orjson.loads(line))))


def _compare(reader: Reader, name: str, found: dict[str, object]) -> Iterator[Difference]:
    try:
        (stored,) = reader.sessions(Selection(session_ids=(name,), review_statuses=None))
    except (UsageError, ValueError):
        yield Difference(name, "line", "no such session in the database", "a line")
        return
    expected = orjson.loads(encode_session(stored))
    # Whoever followed numbered its lines; a number is no part of what was recorded.
    expected.pop("revision", None)
    found = {key: value for key, value in found.items() if key != "revision"}
    yield from compare_json(name, "line", expected, found)


def _name_of(path: Path, number: int, line: bytes) -> str:
    try:
        held = orjson.loads(line)["session_metadata"]
        # The key where the session is ours: it is the same in every database.
        return str(held.get(semconv.SESSION_KEY) or held["session_id"])
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
