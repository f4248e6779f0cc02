"""Writes lines to where they are wanted: a file that is whole or not there, or standard output.

A file is written under a temporary name beside its place and renamed when it is complete. ``.gz`` and ``.zst``
compress, with nothing in the file (a time, a name) that would make the same data give other bytes.
"""

from __future__ import annotations

import gzip
import os
import stat
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Protocol

from atlas_otel.errors import ConfigError, ExportError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlas_otel_exporters.training.features import Feature

STANDARD_OUTPUT: Final[Literal["-"]] = "-"
_GZIP_LEVEL: Final = 6


class Lines(Protocol):
    """Where lines go; ``bytes_written`` counts them as they are, before compression."""

    bytes_written: int

    def write(self, line: bytes) -> None:
        """Write one line; its end is added."""

    def flush(self) -> None:
        """Hand what was written to the operating system."""


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


class _Lines:
    def __init__(self, stream: _Sink) -> None:
        self._stream = stream
        self.bytes_written = 0

    def write(self, line: bytes) -> None:
        # Two writes, so that a line of many megabytes is not copied for its last byte.
        self._stream.write(line)
        self._stream.write(b"\n")
        self.bytes_written += len(line) + 1

    def flush(self) -> None:
        self._stream.flush()


@contextmanager
def open_lines(output: str | os.PathLike[str], features: Mapping[str, Feature] | None = None) -> Iterator[Lines]:
    """Open ``output`` for lines: a path, or ``-`` for standard output. ``.parquet`` makes rows with ``features``.

    Whether it can be written is found out at once, before anything is read. Where the block fails, or writes no line,
    a file that was there before stays as it was, and where there was none, there is none, nor a folder that was made
    for it. Raises ExportError where writing is impossible, or fails half-way.
    """
    name = os.fspath(output)
    if name.endswith(".parquet") and features is None:
        raise UsageError(f"{name}: this format has no columns to write as Parquet; give a name with .jsonl")
    with writing_errors(name):
        if name == STANDARD_OUTPUT:
            with lines_to(STANDARD_OUTPUT) as lines:
                yield lines
            return
        path = Path(name).expanduser().resolve()
        # A pipe or a device is written to; only a file can be replaced.
        if path.exists() and not path.is_file():
            with path.open("wb") as stream, compressed(stream, path.suffix) as packed:
                yield _Lines(packed)
            return
        with suppress(_NoLine), _folder(path.parent), _replacing(path) as file:
            with _rows(file, features) if path.suffix == ".parquet" and features else _packed(file, path.suffix) as to:
                yield to
            if not to.bytes_written:
                raise _NoLine


@contextmanager
def _packed(file: IO[bytes], suffix: str) -> Iterator[Lines]:
    with compressed(file, suffix) as packed:
        yield _Lines(packed)


@contextmanager
def _rows(file: IO[bytes], features: Mapping[str, Feature]) -> Iterator[Lines]:
    from atlas_otel_exporters.parquet import ParquetLines  # an extra

    rows = ParquetLines(file, features)
    yield rows
    rows.close()


@contextmanager
def lines_to(stream: IO[bytes] | Literal["-"]) -> Iterator[Lines]:
    """Lines into an open binary stream, or into standard output."""
    if stream != STANDARD_OUTPUT:
        yield _Lines(stream)
        return
    sys.stdout.flush()
    # A copy of the descriptor: closing it writes what is buffered, and leaves sys.stdout alone.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as standard_output:
        yield _Lines(standard_output)


@contextmanager
def writing_errors(name: str) -> Iterator[None]:
    """What the operating system refuses leaves the block as an ExportError that says where."""
    place = "standard output" if name == STANDARD_OUTPUT else name
    try:
        yield
    except BrokenPipeError:
        raise ExportError(f"the reader of {place} closed it before the export was complete") from None
    except OSError as error:
        raise ExportError(f"cannot write {place}: {error.strerror or error}") from None


@contextmanager
def compressed(stream: IO[bytes], suffix: str) -> Iterator[_Sink]:
    """``stream``, through the compressor that a file's suffix asks for, if any.

    Raises ConfigError where Zstandard is asked for and not installed.
    """
    if suffix == ".gz":
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, stream, mtime=0) as packed:
            yield packed
    elif suffix == ".zst":
        with zstd_module().ZstdFile(stream, "wb") as packed:
            yield packed
    else:
        yield stream


def zstd_module() -> Any:
    """Python's Zstandard module, or its backport. Raises ConfigError where neither is there."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ModuleNotFoundError:
        raise ConfigError("a .zst file needs Zstandard: pip install 'atlas-otel[zstd]', or use .gz") from None
    return zstd


class _NoLine(Exception):
    """Nothing was written, so nothing is to be kept."""


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Make ``folder`` for the block; where that fails, what was made is removed again."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for one in made:
            with suppress(OSError):  # somebody else put something there meanwhile
                one.rmdir()
        raise


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), _mode(path))
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _mode(path: Path) -> int:
    """The mode that ``path`` has, or would have if it were simply opened (mkstemp's is for its owner only)."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
