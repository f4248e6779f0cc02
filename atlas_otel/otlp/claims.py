"""What a sender says in the name of the governed runtime or of a judge, marked as its claim. Pure.

An event that comes over OTLP says itself who wrote it, and anybody can write ``"source": "runtime"``. Where the sender
may not govern, the receiver marks it as ``"claimed": true``: the projection then keeps governance fields under
``caller_metadata``, and lets a reward yield to any that the reward API or the runtime gave.

The mark is the payload's first key. Of two records of one event the larger payload stands (``merge_events``), and
``{"claimed"`` sorts before ``{"metadata"`` and ``{"name"``: the copy that came over OTLP never replaces the one that
the event's own process stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from atlas_otel import semconv

if TYPE_CHECKING:
    from atlas_otel.records.record import EventRecord

_CLAIMABLE: Final = frozenset({semconv.EVENT_METADATA, semconv.EVENT_REWARD})


class Sender(NamedTuple):
    """Who sent records over OTLP, as far as it is known. ``governs``: it may say what the governed runtime and judges
    say. ``name`` is stamped on its spans' resource (``atlas.sender``)."""

    name: str | None = None
    governs: bool = False


ANYBODY: Final = Sender()


def as_claim(event: EventRecord, sender: Sender = ANYBODY) -> EventRecord:
    """``event`` as ``sender`` may say it."""
    if event.name not in _CLAIMABLE or sender.governs:
        return event
    payload = orjson.loads(event.payload)
    if not isinstance(payload, dict):
        return event
    said = {name: value for name, value in payload.items() if name != semconv.CLAIMED}
    by = {} if sender.name is None else {semconv.ATLAS_SENDER: sender.name}
    return event._replace(payload=orjson.dumps({semconv.CLAIMED: True, **by, **said}).decode())
