"""Whole sessions out of a lake: their records, merged and placed, whatever their rows say and wherever they stand."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.lake import schema
from atlas_otel.lake.filters import among, at_least, at_most, both, either
from atlas_otel.lake.placing import by_session
from atlas_otel.projection.trace_sessions import implicit_session
from atlas_otel.records.record import EventRecord, RecordSet, encode_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pyiceberg.expressions import BooleanExpression

    from atlas_otel.lake.table import Lake
    from atlas_otel.records.record import Record

_PARTITION_COLUMN: Final = {schema.SPANS: "start_time", schema.SPAN_EVENTS: "time"}
_TRACES_AT_ONCE: Final = 200


class Stretch(NamedTuple):
    """When records were made, from first to last, in Unix nanoseconds: where in a lake to look."""

    first_ns: int
    last_ns: int

    @classmethod
    def of(cls, records: Iterable[Record]) -> Stretch:
        """That of these records; empty ones are at 0."""
        times = [one.sequence if isinstance(one, EventRecord) else one.start_ns for one in records]
        return cls(min(times, default=0), max(times, default=0))

    def filter(self, table: str) -> BooleanExpression:
        """What lets through the rows of ``table`` in this stretch; files of other days are not opened."""
        column = _PARTITION_COLUMN[table]
        return both(at_least(column, _moment(self.first_ns)), at_most(column, _moment(self.last_ns)))


def _moment(time_ns: int) -> str:
    from datetime import datetime, timedelta, timezone

    micros = min(max(time_ns // 1_000, -62_135_596_800_000_000), 253_402_300_799_000_000)
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)).isoformat()


class Digest(NamedTuple):
    """What a session's records come to, the same in every store: how many, and a hash of all of them in order."""

    spans: int
    events: int
    hash: bytes


def digest_of(records: RecordSet) -> Digest:
    """The digest of merged records. Raises RecordError where one cannot be encoded."""
    total = hashlib.blake2b(digest_size=16)
    for _, span in sorted(records.spans.items()):
        total.update(encode_record(span))
    for _, event in sorted(records.events.items()):
        total.update(encode_record(event))
    return Digest(len(records.spans), len(records.events), total.digest())


def read_owned(lake: Lake, owners: Collection[str], stretch: Stretch | None = None) -> dict[str, RecordSet]:
    """The merged records of each owner, with what each names; an owner without any has an empty set.

    What stands under another owner is not among them (:func:`read_sessions`).
    """
    found: defaultdict[str, RecordSet] = defaultdict(RecordSet)
    for name in (schema.SPANS, schema.SPAN_EVENTS):
        where = None if stretch is None else stretch.filter(name)
        for owner, record in schema.records_of(name, lake.scan(name, owners=owners, where=where)):
            found[owner].add(record)
    return {owner: found[owner] for owner in owners}


def read_sessions(lake: Lake, keys: Collection[str], stretch: Stretch | None = None) -> dict[str, RecordSet]:
    """The records of each of these sessions, as the projection is given them; a session without any is left out.

    Records that name no session are found through their traces, as far as the lake has them. What was deleted is left
    out. ``stretch``: only what was made then is looked for.
    """
    gone = lake.tombstones()
    owned = read_owned(lake, keys, stretch)
    together = RecordSet(record for records in owned.values() for record in records)
    traces = {record.trace_id for record in together}
    if traces:
        for record in _of_traces(lake, traces, stretch):
            together.add(record)
    found = by_session(record for record in together if ("trace", record.trace_id) not in gone)
    return {key: found[key] for key in keys if key in found and ("session", key) not in gone}


def _of_traces(lake: Lake, traces: Collection[str], stretch: Stretch | None) -> Iterable[Record]:
    names = sorted(traces)
    for begin in range(0, len(names), _TRACES_AT_ONCE):
        some = names[begin : begin + _TRACES_AT_ONCE]
        for name in (schema.SPANS, schema.SPAN_EVENTS):
            where = either(among("trace_id", some), among("session_trace", some))
            # A late reward comes when it comes: it is looked for among all that is owned by such a trace's session.
            limited = both(where, None if stretch is None else stretch.filter(name))
            for _, record in schema.records_of(name, lake.scan(name, where=limited)):
                yield record
        if stretch is not None:
            implicit = [implicit_session(trace) for trace in some]
            for records in read_owned(lake, implicit).values():
                yield from records
