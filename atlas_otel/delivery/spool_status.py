"""What waits in the spool, and its replay: for commands, outside any agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.delivery.refused import REFUSED_FILE
from atlas_otel.delivery.spool_adoption import Adoption
from atlas_otel.delivery.spool_folder import TARGET_FILE, default_root, target_folder
from atlas_otel.delivery.spool_owner import Identity, Owner, identity_of, lives, tokens
from atlas_otel.delivery.spool_record import unpack_record
from atlas_otel.delivery.spool_segment import SegmentReader
from atlas_otel.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from atlas_otel.records.store import Store

_RECORDS: Final = 2_000
_BYTES: Final = 8 * 1024 * 1024
_PROJECT_LIMIT: Final = 100


class OwnerStatus(NamedTuple):
    """What one process has, or left, in the spool.

    ``records``: those in its files: some may be stored already, as a file goes only with its last record.
    ``bytes``: the disk space that its files take. ``damaged``: records that cannot be read back; ``unread``: files that
    cannot be read at all.
    """

    token: str
    identity: Identity | None
    alive: bool
    segments: int
    records: int
    damaged: int
    unread: int
    bytes: int


class TargetStatus(NamedTuple):
    """What waits for one database. ``target``: its name, without secrets; ``refused``: records set aside for good."""

    folder: Path
    target: str
    owners: tuple[OwnerStatus, ...]
    refused: int


class ReplayResult(NamedTuple):
    """What a replay did: dead processes done with, records stored, refused by the store, and unreadable; and the files
    that could not be read, which stay."""

    owners: int
    stored: int
    poisoned: int
    damaged: int
    unread: tuple[Path, ...] = ()


def status(root: Path | None = None) -> list[TargetStatus]:
    """What waits in the spool under ``root`` (default: where this user's is), by database. Changes nothing."""
    root = root or default_root()
    return [_target_status(folder) for folder in sorted(_folders(root))]


def replay(
    store: Store,
    target: str,
    root: Path | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> ReplayResult:
    """Store what dead processes left for the database ``target``, and project it.

    ``progress`` is called with the number of records stored so far. Living processes are left alone: they store theirs
    themselves. A StoreError ends it; what is not stored stays.
    """
    folder = target_folder(root or default_root(), target)
    owners = stored = poisoned = damaged = 0
    unread: list[Path] = []
    for token in tokens(folder):
        owner = Owner.adopt(folder, token)
        if owner is None:
            continue
        adoption = Adoption(owner)
        try:
            while (records := adoption.take(_RECORDS, _BYTES)) is not None:
                result = store.write(records)
                stored += len(records) - len(result.poisoned)
                poisoned += len(result.poisoned)
                if progress is not None:
                    progress(stored)
            adoption.finish()
        finally:
            adoption.close()
        owners += 1
        damaged += adoption.damaged
        unread += adoption.unread
    while store.project(limit=_PROJECT_LIMIT) >= _PROJECT_LIMIT:
        pass
    return ReplayResult(owners, stored, poisoned, damaged, tuple(unread))


def _folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in root.iterdir() if (path / TARGET_FILE).is_file())


def _target_status(folder: Path) -> TargetStatus:
    refused = folder / REFUSED_FILE
    return TargetStatus(
        folder,
        (folder / TARGET_FILE).read_text("utf-8", "replace").strip(),
        tuple(_owner_status(folder, token) for token in tokens(folder)),
        refused.read_bytes().count(b"\n") if refused.is_file() else 0,
    )


def _owner_status(folder: Path, token: str) -> OwnerStatus:
    segments = records = damaged = unread = size = 0
    for path in sorted(folder.glob(f"{token}-*")):
        try:
            size += path.stat().st_size
            if path.suffix != ".seg":
                continue
            segments += 1
            reader = SegmentReader(path)
        except FileNotFoundError:  # stored meanwhile
            continue
        except OSError:
            unread += 1
            continue
        try:
            while True:
                frames = reader.read(reader.size, _RECORDS, _BYTES)
                if not (frames.payloads or frames.damaged or frames.torn):
                    break
                readable = sum(map(_decodes, frames.payloads))
                records += readable
                damaged += frames.damaged + len(frames.payloads) - readable
        except OSError:
            unread += 1
        finally:
            reader.close()
    identity, alive = identity_of(folder, token), lives(folder, token)
    return OwnerStatus(token, identity, alive, segments, records, damaged, unread, size)


def _decodes(payload: bytes) -> bool:
    try:
        unpack_record(payload)
    except RecordError:
        return False
    return True
