"""Sessions deleted from a lake for good: their rows, and the files and snapshots that still hold them.

First they are buried: a tombstone in the lake keeps writers from taking them again and builds from reading what is
left. Then their rows go, by rewriting the files that hold them; then the snapshots before that, and their files.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from atlas_otel import semconv
from atlas_otel.errors import AtlasOtelError
from atlas_otel.lake import schema
from atlas_otel.lake.failures import translating
from atlas_otel.lake.filters import among, at_most, both, either
from atlas_otel.lake.location import locate
from atlas_otel.lake.maintenance import delete_where, expire_snapshots
from atlas_otel.lake.reachable import Reachable
from atlas_otel.lake.table import TABLES, open_lake
from atlas_otel.postgres.archiving import ArchiveDesk
from atlas_otel.projection.trace_sessions import implicit_session

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from atlas_otel.lake.table import Lake

_AT_ONCE = 200


class LakeErased(NamedTuple):
    """What a deletion did in a lake. ``files``: removed, with old contents; ``waiting``: files of writers that have not
    committed, or never will, which may hold something still: ``lake expire`` removes those that stay. ``gone``:
    whether the last copy in the lake is."""

    lake: str
    sessions: int
    spans: int
    events: int
    files: int
    waiting: int

    @property
    def gone(self) -> bool:
        """Whether nothing of it is left there."""
        return not self.waiting

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {**self._asdict(), "gone": self.gone}


def erase_deleted(
    url: str, keys: Sequence[str] = (), *, lake: str | None = None, catalog: str | None = None
) -> list[LakeErased]:
    """Delete from their lakes what was deleted from this database, also by an earlier run that was broken off; and
    ``keys`` from ``lake``, which may have them from elsewhere.

    Raises StoreError, or ConfigError where the extra is missing, when a lake cannot be reached: the next call goes on.
    """
    done = []
    with ArchiveDesk(url) as desk:
        waiting = {str(locate(where, database=url)): names for where, names in desk.deleted().items()}
        if lake is not None and keys:
            named = str(locate(lake, catalog, database=url))
            waiting[named] = sorted({*waiting.get(named, ()), *keys})
        for where, names in waiting.items():
            try:
                with open_lake(where, catalog, database=url) as opened:
                    done.append(erase(opened, names))
            except AtlasOtelError as error:
                again = "the lake still holds it: run atlas-otel delete --resume when this is mended"
                raise type(error)(f"deleted from the database, but {error}; {again}") from None
            desk.forget(names)
    return done


def in_lakes(
    url: str, sessions: Sequence[str], user: str | None, *, lake: str | None, catalog: str | None
) -> list[str]:
    """Keys of sessions whose records are in a lake and that the database may have no rows of: by the names that are
    given, or all of a user. ``lake``: one to look in beside those that the database knows of."""
    with ArchiveDesk(url) as desk:
        found = {one.key for name in sessions for one in desk.lookup([name.strip()])}
        places = {str(locate(one, database=url)) for one in desk.lakes()}
    if user is not None:
        places |= {str(locate(lake, catalog, database=url))} if lake is not None else set()
        for place in sorted(places):
            with open_lake(place, catalog, database=url) as opened:
                found.update(owners_of_user(opened, user))
    return sorted(found)


def erase(lake: Lake, keys: Sequence[str]) -> LakeErased:
    """Delete these sessions from the lake: rows, and every snapshot and file that still holds them.

    Older snapshots of all sessions go with them: who reads one has to begin again. Idempotent; raises StoreError.
    """
    lake.refresh()
    traces = _own_traces(lake, keys)
    _bury(lake, keys, traces)
    with translating(lake.location):
        named = {name: Reachable.of(lake.table(name)).files for name in TABLES}
    counted = {name: _delete_rows(lake, name, keys, traces) for name in (schema.SPANS, schema.SPAN_EVENTS)}
    expire_snapshots(lake, timedelta(0), streams=False)
    files = waiting = 0
    with translating(lake.location):
        for name in TABLES:
            reachable = Reachable.of(lake.table(name))
            for found in list(reachable.present()):
                if found.path in reachable.files:
                    continue
                if found.path in named[name]:
                    reachable.remove(found.path)
                    files += 1
                elif found.path.endswith(".parquet"):
                    waiting += 1
    return LakeErased(str(lake.location), len(keys), counted[schema.SPANS], counted[schema.SPAN_EVENTS], files, waiting)


def _own_traces(lake: Lake, keys: Collection[str]) -> set[str]:
    """The traces of these sessions in which no other session has a span."""
    theirs = {
        row["trace_id"]
        for batch in lake.scan(schema.SPANS, owners=keys, columns=("trace_id",))
        for row in batch.to_pylist()
    }
    shared: set[str] = set()
    doomed = set(keys)
    names = sorted(theirs)
    for begin in range(0, len(names), _AT_ONCE):
        where = among("trace_id", names[begin : begin + _AT_ONCE])
        for batch in lake.scan(schema.SPANS, where=where, columns=("owner", "trace_id")):
            shared.update(
                row["trace_id"]
                for row in batch.to_pylist()
                if row["owner"] not in doomed and row["owner"] != implicit_session(row["trace_id"])
            )
    return theirs - shared


def _bury(lake: Lake, keys: Sequence[str], traces: Collection[str]) -> None:
    buried = lake.tombstones()
    now = int(datetime.now(timezone.utc).timestamp() * 1_000_000)
    wanted = {("session", key) for key in keys} | {("trace", trace) for trace in traces}
    wanted |= {("session", implicit_session(trace)) for trace in traces}
    lake.append_rows({schema.TOMBSTONES: [(kind, name, now) for kind, name in sorted(wanted - buried)]})


def _delete_rows(lake: Lake, name: str, keys: Sequence[str], traces: Collection[str]) -> int:
    """Rewrite the files that hold rows of these; how many rows went."""
    removed = 0
    doomed = [*keys, *map(implicit_session, sorted(traces))]
    wheres = [among("owner", doomed[begin : begin + _AT_ONCE]) for begin in range(0, len(doomed), _AT_ONCE)]
    names = sorted(traces)
    for begin in range(0, len(names), _AT_ONCE):
        some = names[begin : begin + _AT_ONCE]
        wheres.append(either(among("trace_id", some), among("session_trace", some)))
    for where in wheres:
        removed += delete_where(lake, name, where)
    return removed


def retain(lake: Lake, before: datetime) -> dict[str, int]:
    """Remove the records of sessions of which the lake has nothing since ``before``; how many, by table.

    Their snapshots go with the next ``expire``. Nothing is buried: what comes of them later is taken.
    """
    lake.refresh()
    since = before.isoformat()
    young: set[str] = set()
    old: set[str] = set()
    for name, column in ((schema.SPANS, "start_time"), (schema.SPAN_EVENTS, "time")):
        for batch in lake.scan(name, columns=("owner", column)):
            for row in batch.to_pylist():
                (young if row[column] >= before else old).add(row["owner"])
    removed = {schema.SPANS: 0, schema.SPAN_EVENTS: 0}
    going = sorted(old - young)
    for begin in range(0, len(going), _AT_ONCE):
        for name, column in ((schema.SPANS, "start_time"), (schema.SPAN_EVENTS, "time")):
            where = both(among("owner", going[begin : begin + _AT_ONCE]), at_most(column, since))
            removed[name] += delete_where(lake, name, where)
    return removed


def owners_of_user(lake: Lake, user: str) -> list[str]:
    """The owners of spans that name this user (``user_id``)."""
    needle = orjson.dumps(user).decode()
    found: set[str] = set()
    for batch in lake.scan(schema.SPANS, columns=("owner", "attributes")):
        for row in batch.to_pylist():
            if needle in row["attributes"] and orjson.loads(row["attributes"]).get(semconv.ATLAS_USER_ID) == user:
                found.add(row["owner"])
    return sorted(found)
