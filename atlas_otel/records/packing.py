"""All event records of a span as one JSON text (``atlas.events``), and back. Pure.

OTLP's limits on events, and what backends do with many, then cost none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from atlas_otel import semconv
from atlas_otel.records.json_text import dump
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel.records.record import SpanRecord


def pack_events(events: Iterable[EventRecord]) -> str:
    """``[[sequence, name, payload], …]``: payloads are JSON already and go in as they are."""
    return str(orjson.dumps([[e.sequence, e.name, orjson.Fragment(e.payload)] for e in events]), "utf-8")


class Unpacked(NamedTuple):
    """What :func:`unpack_events` read; ``whole``: nothing in the text was left unread."""

    events: list[EventRecord]
    whole: bool


def unpack_events(text: str, trace_id: str, span_id: str, session_key: str | None) -> Unpacked:
    """The inverse: every entry that can be read. Never raises."""
    try:
        entries = orjson.loads(text)
    except ValueError:
        return Unpacked([], whole=False)
    if not isinstance(entries, list):
        return Unpacked([], whole=False)
    found = []
    for entry in entries:
        if isinstance(entry, list) and len(entry) == 3 and type(entry[0]) is int and isinstance(entry[1], str):
            found.append(EventRecord(trace_id, span_id, entry[0], session_key, entry[1], dump(entry[2])))
    return Unpacked(found, whole=len(found) == len(entries))


def packed_events(span: SpanRecord) -> list[EventRecord]:
    """The event records that a span brought along in ``atlas.events``, where no receiver has unpacked them.

    Anybody can write that attribute: ``events.catalogue.read_note`` takes them as ``claimed``.
    """
    packed = span.attributes.get(semconv.ATLAS_EVENTS)
    return unpack_events(packed, *span.key, span.session_key).events if isinstance(packed, str) else []
