"""The spans of a session without their payloads, from its events. Pure but for the one query."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

KINDS: Final = {
    "WORKFLOW": "session",
    "TASK": "step",
    "TOOL": "tool",
    "LLM": "llm",
    "FUNCTION": "function",
    "SPAN": "function",
    "CUSTOM": "custom",
    "ADAPTER": "event",
}
SPAN_KINDS: Final = frozenset({"session", "step", "tool", "llm", "agent", "function", "reward", "custom"})


class EventRow(NamedTuple):
    """A row of ``skeleton.sql``."""

    id: int
    event_type: str | None
    uuid: str | None
    parent: str | None
    name: str | None
    at: float | None
    kind: str | None
    status: str | None
    span_id: str | None
    trace_id: str | None
    step: int | None
    attempt: int | None
    actor: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    preview: str
    error: str | None
    size: int


def read_events(connection: psycopg.Connection[Any], session_id: int) -> list[EventRow]:
    """The events of a session that begin or end a span, or stand alone."""
    rows = connection.execute(statement("skeleton", __package__), {"id": session_id})
    return [EventRow(*row) for row in rows]


def skeleton(events: Iterable[EventRow], revision: str) -> bytes:
    """The answer ``Skeleton`` as JSON: ten thousand shapes would take as long to make as to send."""
    spans = merged(events)
    began = min((one["start_ms"] for one in spans), default=None)
    for one in spans:
        one["start_ms"] = round(one["start_ms"] - (began or 0.0), 3)
    started = None if began is None else datetime.fromtimestamp(began / 1000, timezone.utc).isoformat()
    return orjson.dumps({"revision": revision, "started_at": started, "spans": spans})


def merged(events: Iterable[EventRow]) -> list[dict[str, Any]]:
    """One span for the START and END of each, in the order in which they began; ``start_ms`` in Unix milliseconds."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    last_at = 0.0
    for row in events:
        kind, _, state = (row.event_type or "").rpartition("_")
        at = (row.at if row.at is not None else last_at) * 1000
        last_at = at / 1000
        uuid = row.uuid or f"event-{row.id}"
        known = found.get((kind, uuid))
        if known is None:
            found[kind, uuid] = _span(row, kind, state, uuid, at)
        elif state == "END":
            _end(known, row, at)
        known_or_new = found[kind, uuid]
        known_or_new["size"] += row.size if known is not None else 0
    spans = list(found.values())
    ids = {one["id"] for one in spans}
    for one in spans:
        if one["parent"] not in ids or one["parent"] == one["id"]:
            one["parent"] = None
    return _in_order(spans)


def _span(row: EventRow, kind: str, state: str, uuid: str, at: float) -> dict[str, Any]:
    named = row.kind if row.kind in SPAN_KINDS else None
    over = state == "END" or kind == "ADAPTER"
    return {
        "id": uuid,
        "parent": row.parent if row.parent != "root" else None,
        "kind": named or KINDS.get(kind, "custom"),
        "name": (row.name or "")[:500],
        "status": _status(row) if over else "running",
        "start_ms": at,
        "duration_ms": 0.0 if over else None,
        "step": row.step,
        "attempt": row.attempt,
        "actor": row.actor,
        "model": row.model,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": row.cost_usd,
        "preview": row.preview,
        "error": row.error,
        "size": row.size,
        "span_id": row.span_id,
        "trace_id": row.trace_id,
    }


def _end(span: dict[str, Any], row: EventRow, at: float) -> None:
    span["status"] = _status(row)
    span["duration_ms"] = round(max(at - span["start_ms"], 0.0), 3)
    for name in ("step", "attempt", "actor", "model", "input_tokens", "output_tokens", "cost_usd", "error"):
        value = getattr(row, name)
        if value is not None:
            span[name] = value
    if row.preview:
        span["preview"] = row.preview


def _status(row: EventRow) -> str:
    return "failed" if row.status == "failed" or row.error is not None else "succeeded"


def _in_order(spans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By the time at which they began; events are stored in that order but for what came late."""
    return sorted(spans, key=lambda one: one["start_ms"])
