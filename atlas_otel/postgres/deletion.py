"""Sessions deleted for good: first buried, so that nothing brings them back, then removed piece by piece.

A tombstone is written first, in one transaction, for every session and for the traces that are theirs alone. From then
on no writer takes a record of them: not a late span or reward, not the spool, not an import. Then their records, rows
and events go, each in a transaction of bounded size. Whoever is interrupted loses nothing: the next run goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.errors import RecordError, UsageError
from atlas_otel.postgres.batch import owner_of
from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current
from atlas_otel.postgres.session_names import find_sessions
from atlas_otel.postgres.statements import statement
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import decode_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import psycopg

    from atlas_otel.records.record import Record

_CHUNK: Final = 5_000
"""Rows that go in one transaction."""
_AT_ONCE: Final = 100
_POISON: Final = 500
_KEY_DIGITS: Final = 32


class Doomed(NamedTuple):
    """A session to delete. ``key`` is None where another program wrote it, ``id`` where it has no row."""

    key: str | None
    id: int | None


@dataclass(frozen=True)
class Selection:
    """Which sessions: all that meet every condition that is given. ``metadata``: values as text, by key.

    ``quiet_since``: nothing came to them since. ``children``: those that were opened inside of them, too.
    """

    sessions: Sequence[str] = ()
    user: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    before: datetime | None = None
    quiet_since: datetime | None = None
    ours_only: bool = False
    children: bool = True

    @property
    def states_something(self) -> bool:
        """Whether it is not simply everything."""
        return bool(self.sessions or self.user is not None or self.metadata or self.before or self.quiet_since)


class Progress(NamedTuple):
    """How many of the buried sessions and traces are gone, of how many."""

    done: int
    total: int


def select(url: str, wanted: Selection) -> list[Doomed]:
    """The sessions that ``wanted`` means; changes nothing.

    A key of which the database has nothing yet (its records may wait in a spool) is taken as it is. Raises UsageError
    for a name of no session, and where nothing is stated.
    """
    if not wanted.states_something:
        raise UsageError("say which sessions: --session, --user, --metadata or --before")
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        require_current(connection, url)
        return _select(connection, wanted)


def _select(connection: psycopg.Connection[Any], wanted: Selection) -> list[Doomed]:
    unknown: list[str] = []
    keys: list[str] | None = None
    ids: list[int] | None = None
    if wanted.sessions:
        keys, ids = [], []
        for name in wanted.sessions:
            try:
                found = find_sessions(connection, [name])
            except UsageError:
                if not _is_key(name):
                    raise
                unknown.append(name.strip())
                continue
            keys += [one.key for one in found if one.key is not None]
            ids += [one.id for one in found if one.id is not None]
    names = list(wanted.metadata) or None
    rows = connection.execute(
        statement("delete_select"),
        {
            "keys": keys,
            "ids": ids,
            "user": wanted.user,
            "names": names,
            "values": [wanted.metadata[name] for name in names] if names is not None else None,
            "before": wanted.before,
            "quiet_since": wanted.quiet_since,
            "ours_only": wanted.ours_only,
            "children": wanted.children,
        },
    )
    return [*(Doomed(*row) for row in rows), *(Doomed(key, None) for key in dict.fromkeys(unknown))]


def _is_key(name: str) -> bool:
    text = name.strip()
    return len(text) == _KEY_DIGITS and all(digit in "0123456789abcdef" for digit in text)


def count(url: str, doomed: Sequence[Doomed]) -> Counter[str]:
    """How many spans, events and rows there are of these sessions."""
    keys = [one.key for one in doomed if one.key is not None]
    ids = [one.id for one in doomed if one.id is not None]
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection, connection.transaction():
        row = connection.execute(statement("delete_count"), {"keys": keys, "ids": ids}).fetchone()
        assert row is not None
        return Counter(sessions=len(doomed), rows=len(ids), spans=row[0], events=row[1], trajectory_events=row[2])


def bury(url: str, doomed: Sequence[Doomed], *, rows: bool = True, retention: bool = False) -> int:
    """Have nothing of these sessions taken any more; the number of the deletion. ``rows``: the contract's go, too."""
    keys = [one.key for one in doomed if one.key is not None]
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection, connection.transaction():
        traces = [trace for (trace,) in connection.execute(statement("delete_traces"), {"keys": keys})]
        row = connection.execute(
            "INSERT INTO atlas_otel.deletions (retention) VALUES (%s) RETURNING id", [retention]
        ).fetchone()
        assert row is not None
        (deletion,) = row
        connection.execute(
            statement("delete_bury"),
            {
                "deletion": deletion,
                "keys": [one.key for one in doomed],
                "ids": [one.id for one in doomed],
                "rows": rows,
                "traces": traces,
                "implicit": [implicit_session(trace) for trace in traces],
            },
        )
    return int(deletion)


def finish(url: str, progress: Callable[[Progress], None] = lambda _: None) -> Counter[str]:
    """Remove what is buried and still there, of this deletion and of any that was broken off; how much of what."""
    removed: Counter[str] = Counter()
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection:
        require_current(connection, url)
        connection.commit()
        row = connection.execute("SELECT count(*) FROM atlas_otel.tombstones WHERE NOT done").fetchone()
        connection.commit()
        total = int(row[0]) if row else 0
        done = 0
        while waiting := connection.execute(statement("delete_waiting"), {"limit": _AT_ONCE}).fetchall():
            connection.commit()
            for name, kind, deletion, row_id in waiting:
                some = (
                    _remove_session(connection, name, row_id) if kind == "session" else _remove_trace(connection, name)
                )
                removed += some
                _note(connection, deletion, some)
                done += 1
                progress(Progress(done, max(total, done)))
        removed["poison"] = _remove_poison(connection)
        with connection.transaction():
            connection.execute(
                "UPDATE atlas_otel.deletions SET ended_at = now() WHERE ended_at IS NULL AND NOT EXISTS "
                "(SELECT FROM atlas_otel.tombstones WHERE deletion = deletions.id AND NOT done)"
            )
    return +removed


def _remove_session(connection: psycopg.Connection[Any], key: str, row_id: int | None) -> Counter[str]:
    removed: Counter[str] = Counter(sessions=1)
    ours = not key.startswith("row:")
    if ours:
        with connection.transaction():
            # As a writer does: who has written to it and not committed is waited for; a later one sees the tombstone.
            connection.execute(statement("write_sessions"), {"keys": [key]})
            connection.execute(statement("delete_quiet"), {"key": key})
        for what, name in (("spans", "delete_spans"), ("events", "delete_events")):
            removed[what] = _in_chunks(connection, name, {"key": key})
    if row_id is not None:
        removed["trajectory_events"] = _in_chunks(connection, "delete_trajectory", {"id": row_id})
    with connection.transaction():
        removed["rows"] = connection.execute(statement("delete_session"), {"key": key, "id": row_id}).rowcount
    return removed


def _in_chunks(connection: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> int:
    total = 0
    while True:
        with connection.transaction():
            gone = connection.execute(statement(name), {**values, "limit": _CHUNK}).rowcount
        total += gone
        if gone < _CHUNK:
            return total


def _remove_trace(connection: psycopg.Connection[Any], trace_id: str) -> Counter[str]:
    with connection.transaction():
        connection.execute(statement("write_traces"), {"ids": [trace_id], "watched": [False]})
        row = connection.execute(statement("delete_trace"), {"trace": trace_id}).fetchone()
    assert row is not None
    return Counter(spans=row[0], events=row[1])


def _note(connection: psycopg.Connection[Any], deletion: int, removed: Counter[str]) -> None:
    with connection.transaction():
        connection.execute(
            "UPDATE atlas_otel.deletions SET removed = removed || (SELECT coalesce(jsonb_object_agg("
            "what, coalesce((removed ->> what)::bigint, 0) + number), '{}') "
            "FROM unnest(%s::text[], %s::bigint[]) AS more (what, number)) WHERE id = %s",
            [list(removed), list(removed.values()), deletion],
        )


def _remove_poison(connection: psycopg.Connection[Any]) -> int:
    removed, last = 0, 0
    while True:
        with connection.transaction():
            rows = connection.execute(
                "SELECT id, record FROM atlas_otel.poison WHERE id > %s ORDER BY id LIMIT %s", [last, _POISON]
            ).fetchall()
            if not rows:
                return removed
            last = rows[-1][0]
            gone = buried_among(connection, {number: _decoded(record) for number, record in rows})
            removed += connection.execute("DELETE FROM atlas_otel.poison WHERE id = ANY (%s)", [gone]).rowcount


def _decoded(record: bytes) -> Record | None:
    try:
        return decode_record(record)
    except RecordError:
        return None


def buried_among(connection: psycopg.Connection[Any], records: Mapping[Any, Record | None]) -> list[Any]:
    """The names of those records that belong to a session, or to a trace, that was deleted."""
    owners = {owner_of(one) for one in records.values() if one is not None}
    asked = {"kinds": [kind for kind, _ in owners], "ids": [name for _, name in owners]}
    buried = {(kind, name) for kind, name in connection.execute(statement("write_buried"), asked)}
    return [name for name, one in records.items() if one is not None and owner_of(one) in buried]


def forget_retained(url: str, before: datetime) -> int:
    """Forget the tombstones of sessions that retention ended, of before then: nothing of them comes any more."""
    with translating(url), quiet(), connect(url, statement_timeout_ms=0) as connection, connection.transaction():
        return connection.execute(
            "DELETE FROM atlas_otel.tombstones USING atlas_otel.deletions "
            "WHERE deletion = deletions.id AND retention AND done AND ended_at < %s",
            [before],
        ).rowcount
