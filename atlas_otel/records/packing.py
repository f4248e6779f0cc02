"""All event records of a span as one JSON text (``atlas.events``), and back. Pure.

OTLP's limits on events, and what backends do with many, then cost none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from atlas_otel.errors import RecordError
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterable


def pack_events(events: Iterable[EventRecord]) -> str:
    """``[[sequence, name, payload], …]``: payloads are JSON already and go in as they are."""
    return str(orjson.dumps([[e.sequence, e.name, orjson.Fragment(e.payload)] for e in events]), "utf-8")


def unpack_events(text: str, trace_id: str, span_id: str, session_key: str | None) -> list[EventRecord]:
    """The inverse. Raises RecordError where ``text`` is not what :func:`pack_events` makes."""
    try:
        return [
            EventRecord(trace_id, span_id, int(sequence), session_key, str(name), str(orjson.dumps(payload), "utf-8"))
            for sequence, name, payload in orjson.loads(text)
        ]
    except (ValueError, TypeError) as error:
        raise RecordError(f"the packed events of span {span_id} cannot be read: {error}") from None
