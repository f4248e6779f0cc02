"""Records from Postgres into a lake, and back: nothing lost, nothing doubled, wherever it is broken off.

A session is copied, read back from the lake, compared record by record and by hash, and only then noted as archived;
only what is noted is removed from Postgres. A copy that was broken off is found by its note, and what of it is in the
lake already is not written again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.errors import PermanentStoreError, RecordError, RetryableStoreError, UsageError
from atlas_otel.lake import schema
from atlas_otel.lake.sessions import Stretch, digest_of, read_owned
from atlas_otel.postgres.archiving import ArchiveDesk, Copied, InLake
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.record import EventRecord, RecordSet
from atlas_otel.records.store import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from atlas_otel.lake.schema import Row
    from atlas_otel.lake.table import Lake
    from atlas_otel.postgres.archiving import Relative
    from atlas_otel.records.record import Record

_WRITTEN_AT_ONCE: Final = 2_000
_PROJECTED_AT_ONCE: Final = 100


class Progress(NamedTuple):
    """Sessions and records in the lake so far."""

    sessions: int
    records: int


class ArchiveReport(NamedTuple):
    """What a run did. ``archived``: sessions that are in the lake now; ``returned``: of these, those that had been
    there and got something late; ``removed``: what is gone from Postgres, by kind; ``left``: sessions that could not
    be archived, by key, and why; ``strange_clocks``: records dated after now."""

    archived: int
    spans: int
    events: int
    returned: int
    removed: dict[str, int]
    left: dict[str, str]
    strange_clocks: int


def archive(
    url: str,
    lake: Lake,
    older_than: timedelta,
    *,
    drop_rows: bool = False,
    now_ns: int,
    progress: Callable[[Progress], None] = lambda _: None,
) -> ArchiveReport | None:
    """Move the records of sessions that were quiet for ``older_than`` from the database into the lake.

    ``drop_rows``: the contract's rows of those whose review is over go as well. None where another process archives.
    Sessions in the lake of which something came late are brought back, computed anew and archived again. Raises
    StoreError where the database or the lake fails; the next run goes on where this one ended.
    """
    with ArchiveDesk(url, changing=True) as desk:
        if not desk.alone:
            return None
        removed = desk.drop(drop_rows=drop_rows)
        returned = _return_late(desk, lake)
        moving = _Moving(desk, lake, drop_rows=drop_rows, now_ns=now_ns)
        while picked := desk.pick(older_than.total_seconds(), list(moving.left)):
            moving.move(picked)
            removed += desk.drop(drop_rows=drop_rows)
            progress(Progress(moving.sessions, moving.spans + moving.events))
        return ArchiveReport(
            moving.sessions, moving.spans, moving.events, returned, dict(+removed), moving.left, moving.strange_clocks
        )


class _Moving:
    """Sessions on their way into the lake, some at a time."""

    def __init__(self, desk: ArchiveDesk, lake: Lake, *, drop_rows: bool, now_ns: int) -> None:
        self._desk = desk
        self._lake = lake
        self._drop_rows = drop_rows
        self._now_ns = now_ns
        self.sessions = self.spans = self.events = self.strange_clocks = 0
        self.left: dict[str, str] = {}

    def move(self, picked: dict[str, bool]) -> None:
        """Copy these sessions, check that they are there, and note it."""
        sessions = self._desk.read(picked, str(self._lake.location))
        if any(one.known for one in sessions):
            self._lake.refresh()
        held = read_owned(self._lake, [one.key for one in sessions if one.known])
        rows: dict[str, list[Row]] = {schema.SPAN_EVENTS: [], schema.SPANS: []}
        copied = []
        for one in sessions:
            try:
                missing = _missing(one, held.get(one.key))
            except RecordError as error:
                self.left[one.key] = str(error)
                continue
            for name, some in missing.items():
                rows[name] += some
            copied.append(one)
        self._lake.append_rows(rows)
        done = self._verified(copied)
        marked = self._desk.mark(done, drop_rows=self._drop_rows)
        for session in done:
            if session.key not in marked:
                self.left[session.key] = "something came to it meanwhile: the next run takes it"
                continue
            self.sessions += 1
            self.spans += session.spans
            self.events += session.events

    def _verified(self, sessions: Sequence[Copied]) -> list[InLake]:
        """What the lake now holds of these sessions, read back; PermanentStoreError where that is not what was read."""
        stretch = Stretch.of(record for one in sessions for record in one.records)
        known = [one.key for one in sessions if one.known]
        found = read_owned(self._lake, [one.key for one in sessions if not one.known], stretch)
        found.update(read_owned(self._lake, known))
        done = []
        for one in sessions:
            there = found[one.key]
            digest = digest_of(there)
            here = RecordSet(one.records)
            if digest != digest_of(here) and any(there.add(record) for record in one.records):
                raise PermanentStoreError(
                    f"session {one.key} was copied to the lake {self._lake.location}, and what it holds is not what "
                    f"was copied ({digest.spans} spans of {len(here.spans)}): nothing of it was removed"
                )
            when = Stretch.of(there)
            self.strange_clocks += sum(_time_of(record) > self._now_ns for record in one.records)
            traces = frozenset(record.trace_id for record in there)
            done.append(InLake(one.key, one.revision, *digest, *when, traces))
        return done


def _time_of(record: Record) -> int:
    return record.sequence if isinstance(record, EventRecord) else record.start_ns


def _missing(session: Copied, held: RecordSet | None) -> dict[str, list[Row]]:
    """The rows that the lake lacks of a session. Raises RecordError where one cannot be kept there."""
    rows: dict[str, list[Row]] = {schema.SPAN_EVENTS: [], schema.SPANS: []}
    there = held if held is not None else RecordSet()
    for record in session.records:
        if not there.add(record):
            continue
        if isinstance(record, EventRecord):
            rows[schema.SPAN_EVENTS].append(schema.event_to_row(record, session.key))
        else:
            rows[schema.SPANS].append(schema.span_to_row(record, session.key))
    return rows


def restore(url: str, lake: Lake, keys: Sequence[str]) -> list[str]:
    """Bring the records of these sessions back from the lake into the database, and have their rows computed.

    With them come the sessions that share a trace with them. They stay in the lake as well, and are archived again
    when they have been quiet for long enough. Returns the keys of all that are back; raises UsageError where the lake
    has nothing of one.
    """
    with ArchiveDesk(url, changing=True) as desk:
        if not desk.alone:
            raise RetryableStoreError("another process archives this database: try again when it is done")
        return _bring_back(desk, lake, keys, late=False)


def _return_late(desk: ArchiveDesk, lake: Lake) -> int:
    """Bring back what something came late for; how many sessions."""
    returned = 0
    before: list[str] = []
    while (keys := desk.late(str(lake.location))) and keys != before:
        before = keys
        returned += len(_bring_back(desk, lake, keys, late=True))
    return returned


def _bring_back(desk: ArchiveDesk, lake: Lake, keys: Sequence[str], *, late: bool) -> list[str]:
    relatives = desk.family(keys)
    away = [one for one in relatives if one.archived or one.lake is None]
    lake.refresh()
    with PostgresStore(desk.url, migrate_schema=False) as store:
        for one in away:
            _write_back(store, lake, one)
        desk.bring_back(away, late=late)
        _project(store, [one.key for one in relatives])
    return [one.key for one in away]


def _write_back(store: PostgresStore, lake: Lake, session: Relative) -> None:
    if session.archived and session.lake != str(lake.location):
        raise UsageError(f"session {session.key} is in the lake {session.lake}, not in {lake.location}: name that one")
    stretch = None
    if session.first_ns is not None and session.last_ns is not None:
        stretch = Stretch(session.first_ns, session.last_ns)
    records = list(read_owned(lake, [session.key], stretch)[session.key])
    if not records:
        raise UsageError(f"the lake {lake.location} has nothing of session {session.key}")
    for begin in range(0, len(records), _WRITTEN_AT_ONCE):
        refused = store.write(records[begin : begin + _WRITTEN_AT_ONCE]).poisoned
        if refused:
            raise PermanentStoreError(f"session {session.key} cannot be brought back: {refused[0].reason}")


def _project(store: PostgresStore, keys: Sequence[str]) -> None:
    """Have the rows of these sessions computed: those that nobody else is at."""
    for begin in range(0, len(keys), _PROJECTED_AT_ONCE):
        some = keys[begin : begin + _PROJECTED_AT_ONCE]
        done = True
        while done:
            done = store.project(limit=_PROJECTED_AT_ONCE) > 0
            behind = store.project_wanted(Wanted(some), limit=_PROJECTED_AT_ONCE)
            done = behind.done > 0
