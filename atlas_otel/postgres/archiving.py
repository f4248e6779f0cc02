"""The database's part of an archive: which sessions may go to a lake, their records, and that they are there.

What is kept of a session whose records are in a lake stands in ``atlas_otel.archived``. Its rows are not computed
from what is left here; what comes late waits until the session is brought back whole (:func:`bring_back`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current
from atlas_otel.postgres.reader import read_records_since, read_spans, weigh_records_since
from atlas_otel.postgres.statements import statement
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from atlas_otel.postgres.overlap import OverlappingConnection
    from atlas_otel.records.record import Record

_LOCK: Final = 0x61746C61737241  # "atlasrA": one archive at a time
_CHUNK: Final = 5_000
"""Rows that go in one transaction."""
_PICKED: Final = 500
_WEIGHT: Final = 64 * 1024 * 1024
"""Bytes of records that are read together, or one session where that has more."""


class Copied(NamedTuple):
    """A session as it was read: up to which revision, its records with what each names, and how it was found.

    ``known``: something of it may be in the lake already.
    """

    key: str
    revision: int
    records: Sequence[Record]
    known: bool


class InLake(NamedTuple):
    """What is known of a session's records in the lake. Times are Unix nanoseconds."""

    key: str
    revision: int
    spans: int
    events: int
    digest: bytes
    first_ns: int
    last_ns: int
    traces: frozenset[str]


class Relative(NamedTuple):
    """A session to bring back, and where its records are. ``archived``: they are in the lake and not here."""

    key: str
    lake: str | None
    first_ns: int | None
    last_ns: int | None
    row_id: int | None
    archived: bool


class Archived(NamedTuple):
    """A session in a lake. ``row_id``: the number of its row, which may be gone; ``dropped``: the records are."""

    key: str
    lake: str
    spans: int
    events: int
    digest: bytes
    first_ns: int
    last_ns: int
    row_id: int | None
    archived_at: Any
    dropped: bool


class ArchiveDesk:
    """The database of an archive, one connection.

    ``changing``: False where it is only looked at. ``alone``: whether no other process is changing it, once open.
    """

    def __init__(self, url: str, *, changing: bool = False) -> None:
        self.url = url
        self._changing = changing
        self._connection: OverlappingConnection | None = None
        self.alone = False

    def __enter__(self) -> Self:
        with translating(self.url), quiet():
            connection = self._connection = connect(self.url, statement_timeout_ms=0)
            require_current(connection, self.url)
            if self._changing:
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
                self.alone = bool(row and row[0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    @property
    def _open(self) -> OverlappingConnection:
        assert self._connection is not None
        return self._connection

    def pick(self, quiet_s: float, seen: Sequence[str]) -> dict[str, bool]:
        """Some sessions to archive, by key, but those ``seen``; whether the lake may hold something of each."""
        wanted = {"seconds": quiet_s, "seen": list(seen), "limit": _PICKED}
        with translating(self.url), quiet():
            found: dict[str, bool] = dict(self._open.execute(statement("archive_pick"), wanted).fetchall())
            weights = weigh_records_since(self._open, dict.fromkeys(found, 0))
        some: dict[str, bool] = {}
        room = _WEIGHT
        for key, known in found.items():
            room -= weights.get(key, 0)
            if some and room < 0:
                break
            some[key] = known
        return some

    def read(self, wanted: Mapping[str, bool], lake: str) -> list[Copied]:
        """Note that these sessions are being copied, then read them from one snapshot."""
        keys = list(wanted)
        with translating(self.url), quiet():
            self._open.execute(statement("archive_begin"), {"keys": keys, "lake": lake})
            with self._open.snapshot():
                rows = self._open.execute(
                    "SELECT key, revision FROM atlas_otel.sessions WHERE key = ANY (%s)", [keys]
                ).fetchall()
                found = set(self._open.execute(statement("archive_resolved"), {"keys": keys}).fetchall())
                stored = read_records_since(self._open, dict.fromkeys(keys, 0))
        return [Copied(key, revision, _as_named(stored[key], found), wanted[key]) for key, revision in rows]

    def mark(self, done: Sequence[InLake], *, drop_rows: bool) -> set[str]:
        """Note that these are in the lake, those of them that are still as they were read; which."""
        with translating(self.url), quiet(), self._open.transaction():
            self._open.execute(statement("archive_alone"), {"keys": [one.key for one in done]})
            was = {"keys": [one.key for one in done], "revisions": [one.revision for one in done]}
            same = {key for (key,) in self._open.execute(statement("archive_lock"), was)}
            stays = [one for one in done if one.key in same]
            self._open.execute(
                statement("archive_done"),
                {
                    "drop_rows": drop_rows,
                    "keys": [one.key for one in stays],
                    "revisions": [one.revision for one in stays],
                    "spans": [one.spans for one in stays],
                    "events": [one.events for one in stays],
                    "digests": [one.digest for one in stays],
                    "firsts": [one.first_ns for one in stays],
                    "lasts": [one.last_ns for one in stays],
                },
            )
            pairs = [(trace, one.key) for one in stays for trace in sorted(one.traces)]
            self._open.execute(
                statement("archive_traces"),
                {"traces": [pair[0] for pair in pairs], "keys": [pair[1] for pair in pairs]},
            )
        return same

    def drop(self, *, drop_rows: bool) -> Counter[str]:
        """Remove what is in the lake and still here, of this run and of any that was broken off."""
        removed: Counter[str] = Counter()
        with translating(self.url), quiet():
            if drop_rows:
                self._open.execute(statement("archive_rows_due"))
            while waiting := self._open.execute(statement("archive_undropped"), {"limit": _PICKED}).fetchall():
                for key, revision, rows_too, _ in waiting:
                    removed += self._drop(key, revision, rows_too=rows_too)
        return removed

    def _drop(self, key: str, revision: int, *, rows_too: bool) -> Counter[str]:
        removed: Counter[str] = Counter(sessions=1)
        wanted = {"key": key, "revision": revision, "limit": _CHUNK}
        for what, name in (("spans", "archive_drop_spans"), ("events", "archive_drop_events")):
            while True:
                gone = self._open.execute(statement(name), wanted).rowcount
                removed[what] += gone
                if gone < _CHUNK:
                    break
        with self._open.transaction():
            traces = [one for (one,) in self._open.execute(statement("archive_lock_traces"), {"key": key})]
            self._open.execute(statement("archive_drop_traces"), {"ids": traces})
            if rows_too:
                removed["rows"] = self._open.execute(statement("archive_drop_rows"), {"key": key}).rowcount
            self._open.execute(statement("archive_dropped"), {"key": key})
        return removed

    def late(self, lake: str) -> list[str]:
        """Some sessions in this lake of which something came since."""
        with translating(self.url), quiet():
            found = self._open.execute(statement("archive_late"), {"lake": lake, "limit": _PICKED})
            return [key for (key,) in found]

    def late_records(self) -> list[Record]:
        """What came for archived sessions since, with what each names: the next archive takes it into the lake."""
        with translating(self.url), quiet(), self._open.snapshot():
            since: dict[str, int] = dict(self._open.execute(statement("archive_late_revisions")).fetchall())
            found = set(self._open.execute(statement("archive_resolved"), {"keys": list(since)}).fetchall())
            named = read_records_since(self._open, since)
            unplaced = self._open.execute(statement("archive_unplaced")).fetchall()
            return [
                *(record for some in named.values() for record in _as_named(some, found)),
                *read_spans(self._open, unplaced),
            ]

    def keys_with_rows(self) -> set[str]:
        """The sessions that have rows here."""
        with translating(self.url), quiet():
            return {key for (key,) in self._open.execute("SELECT key FROM atlas_otel.sessions WHERE id IS NOT NULL")}

    def family(self, keys: Sequence[str]) -> list[Relative]:
        """These sessions, and those that share a trace with them."""
        with translating(self.url), quiet():
            return [Relative(*row) for row in self._open.execute(statement("archive_family"), {"keys": list(keys)})]

    def bring_back(self, sessions: Sequence[Relative], *, late: bool) -> None:
        """These sessions' records are here again, all of them: computed as any other's. Rows of the contract that had
        gone get their old number."""
        keys = [one.key for one in sessions]
        with translating(self.url), quiet(), self._open.transaction():
            for one in sessions:
                row = self._open.execute(statement("archive_row_back"), {"key": one.key}).fetchone()
                if row is not None:
                    self._open.execute(
                        "INSERT INTO atlas_otel.sessions AS held (key, id, revision, projected_revision) "
                        "VALUES (%s, %s, 0, 0) ON CONFLICT (key) DO UPDATE SET id = excluded.id WHERE held.id IS NULL",
                        [one.key, row[0]],
                    )
            self._open.execute(statement("archive_back"), {"keys": keys, "late": late})

    def archived_after(self, lake: str, key: str, limit: int) -> list[Archived]:
        """Sessions whose records are in this lake, by key, from the one after ``key``."""
        with translating(self.url), quiet():
            rows = self._open.execute(statement("archive_after"), {"lake": lake, "key": key, "limit": limit})
            return [Archived(*row) for row in rows]

    def lakes(self) -> list[str]:
        """The lakes that hold sessions of this database."""
        with translating(self.url), quiet():
            return [lake for (lake,) in self._open.execute(statement("archive_lakes"))]

    def deleted(self) -> dict[str, list[str]]:
        """Keys of deleted sessions of which a lake still holds something, by lake."""
        with translating(self.url), quiet():
            return dict(self._open.execute(statement("archive_deleted")).fetchall())

    def forget(self, keys: Sequence[str]) -> None:
        """No lake holds anything of these sessions any more."""
        with translating(self.url), quiet():
            self._open.execute(statement("archive_forget"), {"keys": list(keys)})

    def lookup(self, names: Sequence[str]) -> list[Archived]:
        """The archived sessions that these names mean: keys, numbers of rows, or ids of traces."""
        numbers = [int(name) for name in names if name.isdigit() and len(name) < 19]
        with translating(self.url), quiet():
            rows = self._open.execute(statement("archive_lookup"), {"names": list(names), "numbers": numbers})
            return [Archived(*row) for row in rows]


def _as_named(records: Iterable[Record], found: set[tuple[str, str, int | None]]) -> list[Record]:
    """The records, those without a session key that did not name theirs."""
    return [
        record._replace(session_key=None)
        if (record.trace_id, record.span_id, record.sequence if isinstance(record, EventRecord) else None) in found
        else record
        for record in records
    ]
