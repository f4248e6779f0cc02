"""Sessions of a lake and their reviewers: what came late for them, and some of them brought back for a look."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from atlas_otel.lake import schema
from atlas_otel.lake.archive import restore
from atlas_otel.lake.sessions import read_sessions
from atlas_otel.postgres.archiving import ArchiveDesk

if TYPE_CHECKING:
    from atlas_otel.lake.table import Lake
    from atlas_otel.records.record import Record

_READ_AT_ONCE = 20


def late_records(url: str) -> list[Record]:
    """Spans, rewards and events that came for archived sessions and wait in the database for the next archive. A build
    merges them with what the lake has. ``session_key`` is what each names itself."""
    with ArchiveDesk(url) as desk:
        return desk.late_records()


def sample(url: str, lake: Lake, count: int, seed: str = "") -> list[str]:
    """Bring up to ``count`` sessions of the lake into the database, of those that have no rows there; their keys.

    The same ``seed`` chooses the same sessions, as long as there are the same. Raises as
    :func:`atlas_otel.lake.archive.restore`.
    """
    lake.refresh()
    with ArchiveDesk(url) as desk:
        there = desk.keys_with_rows()
    gone = {name for kind, name in lake.tombstones() if kind == "session"}
    owners: set[str] = set()
    for batch in lake.scan(schema.SPANS, columns=("owner",)):
        owners.update(batch.column("owner").unique().to_pylist())
    drawn = sorted(owners - there - gone, key=lambda key: hashlib.blake2b(f"{seed}:{key}".encode()).digest())
    chosen: list[str] = []
    for begin in range(0, len(drawn), _READ_AT_ONCE):
        # Not each owner is a session: a trace without an agent's or a model's span is none.
        found = read_sessions(lake, drawn[begin : begin + _READ_AT_ONCE])
        chosen += [key for key in drawn[begin : begin + _READ_AT_ONCE] if key in found]
        if len(chosen) >= count:
            break
    chosen = chosen[:count]
    return restore(url, lake, chosen) if chosen else []
