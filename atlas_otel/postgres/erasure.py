"""A whole deletion: the database, then this user's spool; and retention, which deletes what has had its time."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.delivery.refused import read_refused, remove_refused
from atlas_otel.delivery.spool_folder import default_root, target_folder
from atlas_otel.delivery.spool_status import replay, status
from atlas_otel.postgres import deletion
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.dsn import describe
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.store import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from atlas_otel.postgres.deletion import Doomed, Progress

_LOCK: Final = 0x61746C61737244  # "atlasrD": one retention at a time
_BATCH: Final = 10_000
_FORGET: Final = timedelta(days=30)
"""How long retention's tombstones are kept: nothing of a session comes that long after its retention."""


class Report(NamedTuple):
    """What a deletion did, for who asked for it. ``deletion``: its number; None where there was nothing new.

    ``waiting``: records in the spools of living processes here, which drop what is deleted as they store them.
    """

    database: str
    deletion: int | None
    ended_at: datetime
    sessions: tuple[str, ...]
    removed: dict[str, int]
    waiting: int

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {**self._asdict(), "sessions": list(self.sessions), "ended_at": self.ended_at.isoformat()}


def erase(
    url: str,
    doomed: Sequence[Doomed],
    *,
    spool: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Delete these sessions for good, and finish what an earlier deletion left. Raises StoreError and the like."""
    number = deletion.bury(url, doomed) if doomed else None
    removed = deletion.finish(url, progress)
    removed["spool_owners"], removed["refused"], waiting = _of_spool(url, spool)
    # A file that was replayed was taken by a tombstone; what came in beside it while this ran was not there before.
    removed += deletion.finish(url)
    names = tuple(one.key if one.key is not None else f"row {one.id}" for one in doomed)
    return Report(describe(url), number, datetime.now(timezone.utc), names, dict(+removed), waiting)


def _of_spool(url: str, root: Path | None) -> tuple[int, int, int]:
    """See to this user's files for the database: dead processes' are stored (and what is deleted let go), refused
    records are taken out, and what living processes hold is counted."""
    root = root or default_root()
    folder = target_folder(root, describe(url))
    if not folder.is_dir():
        return 0, 0, 0
    with PostgresStore(url, migrate_schema=False) as store:
        replayed = replay(store, describe(url), root)
    refused = {one.id: one.record for one in read_refused(folder)}
    gone = 0
    if refused:
        with translating(url), quiet(), connect(url) as connection, connection.transaction():
            ids = deletion.buried_among(connection, refused)
        gone = remove_refused(folder, ids) if ids else 0
    waiting = sum(owner.records for one in status(root) if one.target == describe(url) for owner in one.owners)
    return replayed.owners, gone, waiting


class Retained(NamedTuple):
    """What a run of retention removed: of sessions whose records had their time, and of those that had theirs whole."""

    records: Counter[str]
    contract: Counter[str]


def retain(
    url: str,
    *,
    records: timedelta | None,
    contract: timedelta | None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Retained | None:
    """Remove the records of sessions that were quiet for ``records``, and the sessions that are older than ``contract``
    with all their rows. None where another process is at it.

    Of a session without records the rows stay as they are: they cannot be computed again, and nothing late is added.
    """
    now = datetime.now(timezone.utc)
    with translating(url), quiet(), connect(url) as lock:
        row = lock.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        lock.commit()
        if row is None or not row[0]:
            return None
        done = Retained(Counter(), Counter())
        if contract is not None:
            old = deletion.Selection(before=now - contract, quiet_since=now - contract)
            done.contract.update(_retained(url, old, rows=True, progress=progress))
        if records is not None:
            quiet_ones = deletion.Selection(quiet_since=now - records, ours_only=True, children=False)
            done.records.update(_retained(url, quiet_ones, rows=False, progress=progress))
        deletion.forget_retained(url, now - _FORGET)
        return done


def _retained(
    url: str, wanted: deletion.Selection, *, rows: bool, progress: Callable[[Progress], None]
) -> Counter[str]:
    found = deletion.select(url, wanted)
    for begin in range(0, len(found), _BATCH):
        deletion.bury(url, found[begin : begin + _BATCH], rows=rows, retention=True)
    return deletion.finish(url, progress) if found else Counter()
