"""Marks sessions that were abandoned: their process died, and nobody found its spool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.postgres.connect import connect, quiet
from atlas_otel.postgres.failures import translating
from atlas_otel.postgres.migrate import require_current
from atlas_otel.postgres.statements import statement
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.records.reaping import missing_root, reaped
from atlas_otel.records.record import RANK_REAPED, Record, RecordSet

if TYPE_CHECKING:
    from datetime import timedelta

_AT_ONCE: Final = 100


def reap(url: str, older_than: timedelta) -> list[str]:
    """Mark sessions that never ended, and to which nothing came for ``older_than``; the keys of those.

    Their open spans become failed with the reason ``abandoned``, ended at the session's last sign of life; what was
    stored stays, and their rows follow. A real end that comes later wins. Raises StoreError.
    """
    done: list[str] = []
    seen: list[str] = []
    with PostgresStore(url, migrate_schema=False) as store:
        while keys := _pick(url, older_than, seen):
            seen += keys
            for key in keys:
                marks = marks_of(key, store.records(key))
                if marks:
                    store.write(marks)
                    done.append(key)
        while store.project():
            pass
    return done


def marks_of(key: str, records: RecordSet) -> list[Record]:
    """The marks of a session's records: one for each span without an end, and for a root that never came. Pure."""
    spans = list(records.spans.values())
    signs = [span.end_ns or max(span.start_ns, span.version) for span in spans]
    signs += [event.sequence for event in records.events.values()]
    last = max(signs, default=0)
    marks: list[Record] = [reaped(span, last) for span in spans if span.rank < RANK_REAPED]
    if not any(span.kind == "session" for span in spans):
        root = missing_root(key, spans, last)
        marks += [root] if root is not None else []
    return marks


def _pick(url: str, older_than: timedelta, seen: list[str]) -> list[str]:
    wanted = {"seconds": older_than.total_seconds(), "reaped": RANK_REAPED, "seen": seen, "limit": _AT_ONCE}
    with translating(url), quiet(), connect(url) as connection, connection.transaction():
        require_current(connection, url)
        return [key for (key,) in connection.execute(statement("reap_pick"), wanted)]
