"""Files of rows: Parquet or JSONL, a new one where one is large enough."""

from __future__ import annotations

from contextlib import ExitStack
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from atlas_otel.errors import UsageError
from atlas_otel_exporters.datasets.manifest import DataFile
from atlas_otel_exporters.write import lines_to

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from atlas_otel_exporters.training.features import Feature
    from atlas_otel_exporters.write import Lines

FileKind: TypeAlias = Literal["parquet", "jsonl"]
KINDS: Final[tuple[FileKind, ...]] = get_args(FileKind)
SHARD_BYTES: Final = 256 * 1024 * 1024
"""How large a file becomes, counted as lines."""
_FOLDER: Final = "data"
_CHUNK: Final = 1024 * 1024


def file_kind(text: str) -> FileKind:
    """``parquet`` or ``jsonl``. Raises UsageError for anything else."""
    for kind in KINDS:
        if text == kind:
            return kind
    raise UsageError(f"files are {' or '.join(KINDS)}, not {text!r}")


class Shards:
    """The files of one split. Use as a context manager, then :meth:`finish`."""

    def __init__(
        self, folder: Path, split: str, kind: FileKind, features: Mapping[str, Feature] | None, most: int = SHARD_BYTES
    ) -> None:
        self._folder, self._split, self._kind, self._features, self._most = folder, split, kind, features, most
        self._stack = ExitStack()
        self._lines: Lines | None = None
        self._counts: list[int] = []
        (folder / _FOLDER).mkdir(exist_ok=True)

    def __enter__(self) -> Shards:
        """Nothing is opened yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close what is open."""
        self._stack.close()

    def write(self, line: bytes) -> None:
        """Write one row."""
        if self._lines is None or self._lines.bytes_written >= self._most:
            self._next()
        assert self._lines is not None
        self._lines.write(line)
        self._counts[-1] += 1

    def finish(self) -> list[DataFile]:
        """Close the files and name them by how many there are."""
        self._stack.close()
        found = []
        for number, rows in enumerate(self._counts):
            name = f"{_FOLDER}/{self._split}-{number:05d}-of-{len(self._counts):05d}.{self._kind}"
            path = self._folder / name
            self._part(number).replace(path)
            found.append(DataFile(name, self._split, rows, path.stat().st_size, file_hash(path)))
        return found

    def _part(self, number: int) -> Path:
        return self._folder / _FOLDER / f".{self._split}-{number:05d}.part"

    def _next(self) -> None:
        self._stack.close()
        stream = self._stack.enter_context(self._part(len(self._counts)).open("wb"))
        self._counts.append(0)
        self._lines = self._open(stream)

    def _open(self, stream: IO[bytes]) -> Lines:
        if self._kind == "jsonl" or self._features is None:
            return self._stack.enter_context(lines_to(stream))
        from atlas_otel_exporters.parquet import ParquetLines  # an extra

        rows = ParquetLines(stream, self._features)
        self._stack.callback(rows.close)
        return rows


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
