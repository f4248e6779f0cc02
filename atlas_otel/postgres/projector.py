"""Brings the contract's rows of dirty sessions up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from atlas_otel.models.rows import Quiescence
from atlas_otel.postgres import facts, rows_writer
from atlas_otel.postgres.failures import is_data_error
from atlas_otel.postgres.following import Followed, Following, Settlement, Settlements
from atlas_otel.postgres.reader import count_records_since, read_records_since, weigh_records_since
from atlas_otel.postgres.rows import UNREPRESENTABLE
from atlas_otel.postgres.rows_writer import RowsToWrite, Written
from atlas_otel.postgres.statements import statement
from atlas_otel.process.yielding import yielding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.postgres.following import Fold
    from atlas_otel.postgres.overlap import OverlappingConnection
    from atlas_otel.postgres.reader import StoredRecords
    from atlas_otel.postgres.rows_writer import Outcome
    from atlas_otel.records.store import Patience

_SESSIONS_PER_TRANSACTION: Final = 100
_RECORDS_PER_TRANSACTION: Final = 20_000
"""All are read into memory. A session that has more is projected by itself."""
_SESSIONS_AT_ONCE: Final = 16
_SESSIONS_AT_LEAST: Final = 3
"""How many are written together, where there are as many: each time costs some round trips."""


class _Dirty(NamedTuple):
    key: str
    id: int | None
    revision: int
    projected_revision: int
    settled: bool
    idle_s: float


class _Folded(NamedTuple):
    session: _Dirty
    fold: Fold
    records: int
    rows: SessionRows | None
    settled: SessionRows | None
    """What the rows will be once it has been quiet, where that is all that is missing."""
    before: Written | None
    error: str | None


class _Done(NamedTuple):
    """What became of a session. ``wait_s``: after how long without a record it is over; None: it is, or runs."""

    session: _Dirty
    id: int | None
    changed: bool
    error: str | None
    awaits: Quiescence = Quiescence.ACTIVE
    wait_s: float | None = None


class Projector:
    """Projects over ``connection``. ``new_fold`` makes the fold of a session that is not followed yet; ``patience``
    says when a session is over."""

    def __init__(
        self,
        connection: OverlappingConnection,
        new_fold: Callable[[], Fold],
        patience: Patience,
        max_weight: int | None = None,
    ) -> None:
        """``max_weight``: how many bytes of records may be in memory; None: a count of records bounds it alone."""
        self._connection = connection
        self._new_fold = new_fold
        self._patience = patience
        self._following = Following(max_weight)
        self._settlements = Settlements()
        self.max_weight = max_weight
        self._weights: dict[str, int] = {}
        self._keeps_facts: bool | None = None
        self.large: set[str] = set()
        """Keys of sessions that were left as they are, since they weigh more than is allowed."""

    def project(self, limit: int, keys: Sequence[str] | None = None) -> int:
        """Bring the rows of up to ``limit`` sessions up to date that are dirty or have become quiet; how many were.

        ``keys``: of these sessions alone.
        """
        self.large.clear()
        done = 0
        while done < limit:
            some = min(limit - done, _SESSIONS_PER_TRANSACTION)
            with self._connection.transaction():
                picked = self._pick(some, keys)
                dirty = self._at_once(picked)
                known = self._project(dirty)
            for key, one in known.items():  # after the commit: what was rolled back is not so
                if isinstance(one, Settlement):
                    self._settlements.put(key, one)
                else:
                    self._following.put(key, one._replace(weight=self._weights.get(key, 0)))
            self._weights.clear()
            done += len(dirty)
            keys = keys if keys is None else [key for key in keys if key not in self.large]
            if len(dirty) == len(picked) < some or not (dirty or (keys and self.large)):
                break
        return done

    def _pick(self, limit: int, keys: Sequence[str] | None) -> list[_Dirty]:
        """Dirty sessions, locked against other projectors until the transaction ends."""
        wanted = {"limit": limit, "keys": keys}
        picked = [key for (key,) in self._connection.execute(statement("project_pick"), wanted)]
        if not picked:
            return []
        return [_Dirty(*row) for row in self._connection.execute(statement("project_locked"), {"keys": picked})]

    def _at_once(self, picked: Sequence[_Dirty]) -> list[_Dirty]:
        """Those that have waited longest, as many as fit into memory together."""
        if self.max_weight is not None:
            return self._light(picked, self.max_weight)
        since = {one.key: self._known_up_to(one) for one in picked}
        counts = count_records_since(self._connection, since, _RECORDS_PER_TRANSACTION)
        some: list[_Dirty] = []
        room = _RECORDS_PER_TRANSACTION
        for one in sorted(picked, key=lambda one: one.revision):
            room -= counts[one.key]
            if some and room < 0:
                break
            some.append(one)
        return some

    def _known_up_to(self, one: _Dirty) -> int:
        """Up to which revision the records of a session need not be read."""
        if self._settlements.find(one.key, one.id, one.revision, one.projected_revision) is not None:
            return one.revision
        return self._following.revision(one.key, one.id, one.projected_revision)

    def _light(self, picked: Sequence[_Dirty], most: int) -> list[_Dirty]:
        """The same where memory is bounded in bytes: a session that is too heavy by itself is left. Several together
        may take half of it: their rows are in memory as well."""
        since = {one.key: self._known_up_to(one) for one in picked}
        new = weigh_records_since(self._connection, since)
        some: list[_Dirty] = []
        room = most // 2
        for one in sorted(picked, key=lambda one: one.revision):
            weight = new[one.key] + (self._following.weight(one.key) if since[one.key] else 0)
            if weight > most:
                self.large.add(one.key)
            elif weight <= room or not some:
                self._weights[one.key] = weight
                room -= weight
                some.append(one)
        self._following.make_room({one.key for one in some}, sum(self._weights[one.key] for one in some))
        return some

    def _project(self, dirty: Sequence[_Dirty]) -> dict[str, Followed | Settlement]:
        """Project these sessions together; where the data of one is refused, each by itself."""
        if not dirty:
            return {}
        try:
            with self._connection.transaction():  # a savepoint: the locks on the sessions outlive it
                return self._project_together(dirty)
        except (psycopg.Error, *UNREPRESENTABLE) as error:
            if isinstance(error, psycopg.Error) and not is_data_error(error):
                raise
            if len(dirty) > 1:
                return {key: one for session in dirty for key, one in self._project([session]).items()}
            reason = f"{type(error).__name__}: {error}"
            self._done([_Done(dirty[0], dirty[0].id, changed=False, error=reason)])
            return {}

    def _project_together(self, dirty: Sequence[_Dirty]) -> dict[str, Followed | Settlement]:
        settled = [(one, kept) for one in dirty if (kept := self._settlement(one)) is not None]
        over = {one.key for one, _ in settled}
        done = self._settle(settled)
        known: dict[str, Followed | Settlement] = {}
        ahead = _Ahead(self._fold([one for one in dirty if one.key not in over]))
        # While the server takes in the rows of some sessions, those of the next ones are computed.
        with self._connection.overlapping(ahead.one):
            while folded := ahead.take():
                targets, outcome = self._write(folded)
                for item in folded:
                    done.append(self._became(item, targets.get(item.session.key), outcome))
                    if (target := targets.get(item.session.key)) is not None:
                        known[item.session.key] = self._remembered(item, target, outcome)
                emptied = [item.session.key for item in folded if not item.records]
                if emptied:
                    self._connection.execute("SELECT atlas_otel.remove_emptied(%s::text[])", [emptied])
        self._done(done)
        return known

    def _settlement(self, one: _Dirty) -> Settlement | None:
        """What was computed before of a session that has only become quiet."""
        kept = self._settlements.take(one.key, one.id, one.revision, one.projected_revision)
        return kept if kept is not None and kept.quiescence == self._quiescence(one) else None

    def _settle(self, settled: Sequence[tuple[_Dirty, Settlement]]) -> list[_Done]:
        if not settled:
            return []
        changed = rows_writer.write_rows(self._connection, [], [kept.change for _, kept in settled]).changed
        return [_Done(one, kept.id, kept.id in changed, None, kept.quiescence) for one, kept in settled]

    def _remembered(self, item: _Folded, target: RowsToWrite, outcome: Outcome) -> Followed | Settlement:
        written, revision = Written(target.rows, outcome.event_ids[target.id]), item.session.revision
        if item.settled is None:
            return Followed(target.id, revision, item.fold, item.records, written)
        change = rows_writer.change_of(RowsToWrite(target.id, False, item.settled, written))
        return Settlement(target.id, revision, target.rows.awaits, change, change.size)

    def _became(self, item: _Folded, target: RowsToWrite | None, outcome: Outcome) -> _Done:
        session_id = target.id if target is not None else item.session.id
        awaits = item.rows.awaits if item.rows is not None else Quiescence.ACTIVE
        wait_s = self._needed_s(awaits) - item.session.idle_s if self._quiescence(item.session) < awaits else None
        return _Done(item.session, session_id, session_id in outcome.changed, item.error, awaits, wait_s)

    def _write(self, folded: Sequence[_Folded]) -> tuple[dict[str, RowsToWrite], Outcome]:
        missing = sum(item.session.id is None and item.rows is not None for item in folded)
        fresh = iter(rows_writer.next_ids(self._connection, "public.sessions", missing))
        targets: dict[str, RowsToWrite] = {}
        for item in folded:
            if item.rows is not None:
                held = item.session.id
                target_id = next(fresh) if held is None else held
                targets[item.session.key] = RowsToWrite(target_id, held is None, item.rows, item.before)
        return targets, rows_writer.write_rows(self._connection, list(targets.values()))

    def _fold(self, dirty: Sequence[_Dirty]) -> Iterator[_Folded]:
        """Read what these sessions are computed from; their rows, each computed when it is asked for.

        In the order in which they began: so run their numbers, and what is ordered by them.
        """
        if not dirty:
            return iter(())
        held = {s.key: self._following.take(s.key, s.id, s.projected_revision) for s in dirty}
        since = {key: followed.revision if followed else 0 for key, followed in held.items()}
        # The revisions of `dirty` were read before the records: what is written meanwhile leaves its session dirty,
        # and its records are read again.
        records = read_records_since(self._connection, since)
        in_order = sorted(dirty, key=lambda one: (records[one.key].began_ns, one.key))
        return (self._folded(session, held[session.key], records[session.key]) for session in in_order)

    def _folded(self, session: _Dirty, followed: Followed | None, records: StoredRecords) -> _Folded:
        fold = followed.fold if followed else self._new_fold()
        count = len(records) + (followed.records if followed else 0)
        before = followed.written if followed else None
        try:
            for record in yielding(records):
                fold.add(record)
            quiescence = self._quiescence(session)
            rows = fold.rows(quiescence)
            waits = rows is not None and quiescence < rows.awaits == Quiescence.QUIET
            settled = fold.rows(Quiescence.QUIET) if waits and not self._following.is_worth(count) else None
        except Exception as failure:  # noqa: BLE001
            # Records of any program are read here. One session that cannot be computed must not keep the others
            # from it for ever: it keeps its rows and says why, in a column that is counted (doctor).
            return _Folded(session, fold, count, None, None, None, f"{type(failure).__name__}: {failure}")
        return _Folded(session, fold, count, rows, settled, before, None)

    def _quiescence(self, session: _Dirty) -> Quiescence:
        """How quiet it is. A session that was over once stays so; what comes later is added."""
        if session.settled or session.idle_s >= self._patience.root_s:
            return Quiescence.EXPIRED
        return Quiescence.QUIET if session.idle_s >= self._patience.quiet_s else Quiescence.ACTIVE

    def _needed_s(self, quiescence: Quiescence) -> float:
        return self._patience.root_s if quiescence == Quiescence.EXPIRED else self._patience.quiet_s

    def _done(self, sessions: Sequence[_Done]) -> None:
        self._connection.execute(
            statement("project_done"),
            {
                "keys": [one.session.key for one in sessions],
                "ids": [one.id for one in sessions],
                "revisions": [one.session.revision for one in sessions],
                "since": [one.session.projected_revision for one in sessions],
                "changed": [one.changed for one in sessions],
                "errors": [one.error and one.error.replace("\x00", "") for one in sessions],
                "settled": [one.awaits > Quiescence.ACTIVE and one.wait_s is None for one in sessions],
                "waits": [one.wait_s for one in sessions],
            },
        )
        # After the sessions' rows are locked, as a reviewer's are: neither misses the other.
        if changed := [one.id for one in sessions if one.changed and one.id is not None and one.id == one.session.id]:
            self._connection.execute("SELECT atlas_otel.review_reopen(%s::bigint[])", [changed])
        if self._keeps_facts is None:
            self._keeps_facts = facts.may_keep(self._connection)
        if self._keeps_facts and (over := [one.id for one in sessions if one.changed and one.id is not None]):
            facts.keep(self._connection, over)


class _Ahead:
    """Sessions that are folded when there is time for it, some ahead of whoever takes them."""

    def __init__(self, folding: Iterator[_Folded]) -> None:
        self._folding = folding
        self._ready: list[_Folded] = []

    def one(self) -> bool:
        """Fold one more, unless enough are ready; whether there was one."""
        if len(self._ready) >= _SESSIONS_AT_ONCE or (folded := next(self._folding, None)) is None:
            return False
        self._ready.append(folded)
        return True

    def take(self) -> list[_Folded]:
        """What is ready, and what has to be for it to be worth while; nothing where there is no more."""
        while len(self._ready) < _SESSIONS_AT_LEAST and self.one():
            pass
        taken, self._ready = self._ready, []
        return taken
