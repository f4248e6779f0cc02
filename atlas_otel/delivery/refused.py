"""Records that no store took, one a line in ``refused.jsonl`` of their database's spool folder, with the reason.

Whoever changes the file holds a lock on it: the drain that adds, the command that takes out.
"""

from __future__ import annotations

import contextlib
import os
import time
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.process.file_lock import O_CLOEXEC, O_NOFOLLOW, try_lock
from atlas_otel.records.record import decode_record, encode_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from atlas_otel.records.record import Record
    from atlas_otel.records.store import PoisonedRecord

REFUSED_FILE: Final = "refused.jsonl"
_WAIT_S: Final = 2.0


class RefusedRecord(NamedTuple):
    """A record that was set aside. ``id`` names it in commands; ``record`` is None where it cannot be decoded."""

    id: str
    reason: str
    record: Record | None
    stored: bytes
    """As it was kept."""


def add_refused(folder: Path, refused: Sequence[PoisonedRecord], max_bytes: int) -> bool:
    """Add records to the folder's file; whether there was room. Raises OSError and RecordError."""
    lines = b"".join(
        orjson.dumps({"reason": one.reason, "record": orjson.Fragment(encode_record(one.record))}) + b"\n"
        for one in refused
    )
    with _locked(folder / REFUSED_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND) as file:
        if os.fstat(file.fileno()).st_size + len(lines) > max_bytes:
            return False
        file.write(lines)
    return True


def read_refused(folder: Path) -> list[RefusedRecord]:
    """The records of the folder's file, oldest first; a line that is none is left out."""
    try:
        lines = (folder / REFUSED_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [found for line in lines if (found := _parsed(line)) is not None]


def remove_refused(folder: Path, ids: Collection[str]) -> int:
    """Take these records out of the folder's file; how many. What else stands in it stays. Raises OSError."""
    path = folder / REFUSED_FILE
    with _locked(path, os.O_RDWR) as file:
        lines = file.read().splitlines(keepends=True)
        kept = [line for line in lines if (one := _parsed(line)) is None or one.id not in ids]
        beside = path.with_suffix(".new")
        beside.write_bytes(b"".join(kept))
        beside.chmod(0o600)
        beside.rename(path)
    return len(lines) - len(kept)


def _parsed(line: bytes) -> RefusedRecord | None:
    try:
        reason = str(orjson.loads(line)["reason"])
        # Its text as it stands: numbers come back as they were. Within the reason the quotes would be escaped.
        stored = line.rstrip(b"\n").partition(b',"record":')[2].removesuffix(b"}")
    except (ValueError, KeyError, TypeError):
        return None
    try:
        record = decode_record(stored)
    except RecordError:
        record = None
    return RefusedRecord(blake2b(line.rstrip(b"\n"), digest_size=6).hexdigest(), reason, record, stored)


@contextlib.contextmanager
def _locked(path: Path, flags: int) -> Iterator[IO[bytes]]:
    deadline = time.monotonic() + _WAIT_S
    while True:
        fd = os.open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "ab" if flags & os.O_APPEND else "rb") as file:
            # Locked, and still the file of that name: another process may have put a new one in its place.
            if try_lock(fd) and os.fstat(fd).st_ino == path.stat().st_ino:
                yield file
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} is locked by another process")
        time.sleep(0.01)
