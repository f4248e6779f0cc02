"""Finds the sessions of stored records that name none: ``trace_sessions``, over the traces that changed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.postgres.reader import read_spans_of
from atlas_otel.postgres.statements import statement
from atlas_otel.projection.trace_sessions import TraceSessions, TraceSpan, implicit_session, is_telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

_TRACES_PER_TRANSACTION: Final = 50
_AT_ONCE: Final = 2_000
"""How many traces one call resolves at most, so that projecting gets its turn."""


class _Span(NamedTuple):
    trace_id: str
    span_id: str
    parent_span_id: str | None
    named: str | None
    session_key: str | None
    reward: bool


class _LateReward(NamedTuple):
    trace_id: str
    span_id: str
    target_trace_id: str
    target_span_id: str | None
    named: str | None
    session_key: str | None


class _Found(NamedTuple):
    """A record whose session is another than stands in its row. ``sequence``: of an event."""

    trace_id: str
    span_id: str
    sequence: int | None
    before: str | None
    session: str | None


def resolve_traces(connection: psycopg.Connection, only: Sequence[str] | None = None) -> int:
    """Find the sessions of records in traces that changed, and mark these sessions dirty; how many traces were done.

    ``only``: of these traces alone. Those that another process writes or resolves now are left to the next call.
    """
    done = 0
    while done < _AT_ONCE:
        with connection.transaction():
            picked = connection.execute(
                statement("resolve_pick"), {"limit": _TRACES_PER_TRANSACTION, "ids": only}
            ).fetchall()
            traces = _Traces(connection, [trace_id for (trace_id,) in picked])
            if traces.ids:
                _write(connection, traces.found())
                connection.execute(statement("resolve_done"), {"ids": traces.ids})
        done += len(traces.ids)
        if len(picked) < _TRACES_PER_TRANSACTION or not traces.ids:
            break
    return done


class _Traces:
    """Some traces, locked, and the late rewards that stand in them or are for them."""

    def __init__(self, connection: psycopg.Connection, picked: Sequence[str]) -> None:
        self._connection = connection
        rewards = self._rewards(picked)
        elsewhere = {reward.trace_id for reward in rewards}.difference(picked)
        locked = (
            {trace_id for (trace_id,) in connection.execute(statement("resolve_lock"), {"ids": sorted(elsewhere)})}
            if elsewhere
            else set()
        )
        busy = {reward.target_trace_id for reward in rewards if reward.trace_id in elsewhere - locked}
        self.ids = [trace_id for trace_id in picked if trace_id not in busy]
        self._late = {(reward.trace_id, reward.span_id): reward for reward in rewards}

    def found(self) -> list[_Found]:
        """What has to change."""
        by_trace: dict[str, list[_Span]] = {trace_id: [] for trace_id in self.ids}
        for row in self._connection.execute(statement("resolve_spans"), {"ids": self.ids}):
            span = _Span(*row)
            by_trace[span.trace_id].append(span)
        sessions = {trace_id: self._sessions(trace_id, spans) for trace_id, spans in by_trace.items()}
        answers: dict[tuple[str, str], str | None] = {}
        found: list[_Found] = []
        for spans in by_trace.values():
            for span in spans:
                key = (span.trace_id, span.span_id)
                if span.named is None and key in self._late:
                    continue  # it belongs where its target does
                answers[key] = span.named if span.named is not None else sessions[span.trace_id].of(span.span_id)
                if answers[key] != span.session_key:
                    found.append(_Found(*key, None, span.session_key, answers[key]))
        for key, reward in self._late.items():
            answers[key] = reward.session_key
            if reward.named is None and reward.target_trace_id in sessions:
                answers[key] = sessions[reward.target_trace_id].of(reward.target_span_id)
                if answers[key] != reward.session_key:
                    found.append(_Found(*key, None, reward.session_key, answers[key]))
        found += self._events(sessions, answers)
        return found

    def _events(
        self, sessions: dict[str, TraceSessions], answers: dict[tuple[str, str], str | None]
    ) -> Iterable[_Found]:
        ids = sorted({*self.ids, *(trace_id for trace_id, _ in self._late)})
        for trace_id, span_id, sequence, before in self._connection.execute(statement("resolve_events"), {"ids": ids}):
            if (trace_id, span_id) in answers:
                session = answers[trace_id, span_id]
            elif trace_id in sessions:
                session = sessions[trace_id].of(span_id)
            else:
                continue
            if session != before:
                yield _Found(trace_id, span_id, sequence, before, session)

    def _sessions(self, trace_id: str, spans: Sequence[_Span]) -> TraceSessions:
        telling = False
        if not any(span.named is not None and not span.reward for span in spans):
            implicit = implicit_session(trace_id)
            # Once it was an agent's or a model's trace it stays one; its spans need not be read again.
            telling = any(span.session_key == implicit for span in spans) or any(
                map(is_telling, read_spans_of(self._connection, trace_id))
            )
        brief = [TraceSpan(span.span_id, span.parent_span_id, span.named, span.reward) for span in spans]
        return TraceSessions(trace_id, brief, telling=telling)

    def _rewards(self, picked: Sequence[str]) -> list[_LateReward]:
        if not picked:
            return []
        rows = self._connection.execute(statement("resolve_rewards"), {"ids": list(picked)})
        return [_LateReward(*row) for row in rows]


def _write(connection: psycopg.Connection, found: Sequence[_Found]) -> None:
    left = {item.before for item in found if item.before is not None}
    joined = {item.session for item in found if item.session is not None}
    touched = sorted(left | joined)
    if not touched:
        return
    connection.execute(statement("write_sessions"), {"keys": touched})
    connection.execute(statement("forget_projection"), {"keys": sorted(left)})
    implicit = sorted(joined.intersection(implicit_session(item.trace_id) for item in found))
    connection.execute(statement("resolve_implicit"), {"keys": implicit})
    by_table: defaultdict[str, list[_Found]] = defaultdict(list)
    for item in found:
        by_table["resolve_write_spans" if item.sequence is None else "resolve_write_events"].append(item)
    for name, items in by_table.items():
        connection.execute(
            statement(name),
            {
                "traces": [item.trace_id for item in items],
                "spans": [item.span_id for item in items],
                "sequences": [item.sequence for item in items],
                "keys": [item.session for item in items],
            },
        )
