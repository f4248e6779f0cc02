"""Which session each record of a lake belongs to, whatever its row says. Pure.

The same rules as in Postgres (``projection/trace_sessions.py``), over the records of whole traces.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from atlas_otel.projection.trace_sessions import TraceSessions, TraceSpan, is_telling, late_target
from atlas_otel.records.record import RecordSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atlas_otel.records.record import Record, SpanRecord


def place(records: Iterable[Record]) -> Iterator[tuple[str | None, Record]]:
    """The merged records, each with its session's key; None where it belongs to none.

    Of a record that names no session its whole trace has to be among them, and with it the rewards that came late for
    the trace: what it is found through. Records come back with ``session_key`` set to what was found, as Postgres
    gives them to the projection.

    >>> list(place([]))
    []
    """
    merged = records if isinstance(records, RecordSet) else RecordSet(records)
    if all(record.session_key is not None for record in merged):
        yield from ((record.session_key, record) for record in merged)
        return
    sessions = _sessions(merged.spans.values())
    answers: dict[tuple[str, str], str | None] = {}
    for span in merged.spans.values():
        target = late_target(span)
        if span.session_key is not None:
            answers[span.key] = span.session_key
        elif target is None:
            answers[span.key] = sessions[span.trace_id].of(span.span_id)
        else:
            answers[span.key] = sessions[target[0]].of(target[1]) if target[0] in sessions else None
    for record in merged:
        found = record.session_key
        if found is None:
            key = (record.trace_id, record.span_id)
            trace = sessions.get(record.trace_id)
            found = answers[key] if key in answers else trace.of(record.span_id) if trace else None
        yield found, record if record.session_key == found else record._replace(session_key=found)


def by_session(records: Iterable[Record]) -> dict[str, RecordSet]:
    """The records of each session, placed as :func:`place` does; those of none are left out."""
    found: defaultdict[str, RecordSet] = defaultdict(RecordSet)
    for key, record in place(records):
        if key is not None:
            found[key].add(record)
    return dict(found)


def _sessions(spans: Iterable[SpanRecord]) -> dict[str, TraceSessions]:
    by_trace: defaultdict[str, list[SpanRecord]] = defaultdict(list)
    for span in spans:
        by_trace[span.trace_id].append(span)
    return {trace_id: _of_trace(trace_id, some) for trace_id, some in by_trace.items()}


def _of_trace(trace_id: str, spans: list[SpanRecord]) -> TraceSessions:
    brief = [TraceSpan(one.span_id, one.parent_span_id, one.session_key, one.kind == "reward") for one in spans]
    named = any(one.named is not None and not one.reward for one in brief)
    return TraceSessions(trace_id, brief, telling=not named and any(map(is_telling, spans)))
