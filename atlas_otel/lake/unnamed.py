"""Records that name no session, in traces of which others do: found out before a lake is cut into units.

Only whole traces tell whose such a record is (:mod:`atlas_otel.lake.placing`); its row's owner was what was known when
it was written. Traces in which nobody names a session are sessions by themselves, and their rows stand together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.lake import schema
from atlas_otel.lake.filters import among, either, missing, stated
from atlas_otel.lake.placing import place
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import RecordSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.lake.table import Lake
    from atlas_otel.records.record import Record

_TABLES: Final = (schema.SPANS, schema.SPAN_EVENTS)
_AT_ONCE: Final = 100
"""Traces that are in memory together."""


class Unnamed(NamedTuple):
    """``traces``: whose unnamed records were looked at; ``records``: those of them that belong to a session, by it."""

    traces: frozenset[str]
    records: Mapping[str, Sequence[Record]]


def place_unnamed(lake: Lake, snapshots: Mapping[str, int | None], late: Sequence[Record] = ()) -> Unnamed:
    """Find the sessions of records that name none, of traces of which others do; and of what came ``late``, is not in
    the lake and names none. Raises StoreError as a scan does.
    """
    through, elsewhere = _through(lake, snapshots)
    by_trace: defaultdict[str, list[Record]] = defaultdict(list)
    for record in late:
        by_trace[str(schema.owner_of(record)[1])].append(record)
    elsewhere |= by_trace.keys()
    mixed = sorted(elsewhere | _named_among(lake, snapshots, through)) if through or by_trace else []
    records: defaultdict[str, list[Record]] = defaultdict(list)
    for at in range(0, len(mixed), _AT_ONCE):
        some = mixed[at : at + _AT_ONCE]
        for key, record in _placed(lake, snapshots, some, [one for trace in some for one in by_trace[trace]]):
            records[key].append(record)
    return Unnamed(frozenset(mixed), dict(records))


def _through(lake: Lake, snapshots: Mapping[str, int | None]) -> tuple[set[str], set[str]]:
    """The traces through which unnamed records are found; and of these, those whose session was already found out."""
    through: set[str] = set()
    elsewhere: set[str] = set()
    columns = ("owner", "session_key", "session_trace")
    for name in _TABLES:
        if not snapshots[name]:
            continue
        for batch in lake.scan(name, where=missing("session_key"), columns=columns, snapshot=snapshots[name]):
            pairs = set(zip(batch.column("session_trace").to_pylist(), batch.column("owner").to_pylist(), strict=True))
            through.update(trace for trace, _ in pairs)
            elsewhere.update(trace for trace, owner in pairs if owner != implicit_session(trace))
    return through, elsewhere


def _named_among(lake: Lake, snapshots: Mapping[str, int | None], traces: set[str]) -> set[str]:
    import pyarrow as pa
    from pyarrow import compute

    wanted = pa.array(sorted(traces), pa.string())
    found: set[str] = set()
    for name in _TABLES:
        if not snapshots[name]:
            continue
        columns = ("trace_id", "session_key")
        for batch in lake.scan(name, where=stated("session_key"), columns=columns, snapshot=snapshots[name]):
            held = compute.unique(batch.column("trace_id"))
            found.update(held.filter(compute.is_in(held, value_set=wanted)).to_pylist())
    return found


def _placed(
    lake: Lake, snapshots: Mapping[str, int | None], traces: Sequence[str], late: Sequence[Record]
) -> Iterator[tuple[str, Record]]:
    records = RecordSet(late)
    unnamed: set[tuple[Any, ...]] = {record.key for record in late}
    some = frozenset(traces)
    for name in _TABLES:
        if not snapshots[name]:
            continue
        where = either(among("trace_id", traces), among("session_trace", traces))
        for _, record in schema.records_of(name, lake.scan(name, where=where, snapshot=snapshots[name])):
            if record.session_key is None:
                _, trace = schema.owner_of(record)
                if trace not in some:
                    continue  # a reward for another trace: placed with that
                unnamed.add(record.key)
            elif record.trace_id not in some:
                continue
            records.add(record)
    for key, record in place(records):
        if key is not None and record.key in unnamed:
            yield key, record
