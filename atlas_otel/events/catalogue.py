"""The kinds of event record: one line for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.events import adapter_event, guidance, intermediate_step, metadata, plan, reward, validation
from atlas_otel.events.forms import TARGET, only
from atlas_otel.events.note import Note, NoteTarget, OtherNote, order_of
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from atlas_otel.events.note import EventKind
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.records.record import EventRecord

KINDS: Final[Mapping[str, EventKind]] = {
    kind.name: kind
    for kind in (
        plan.KIND,
        metadata.KIND,
        reward.KIND,
        guidance.KIND,
        validation.KIND,
        adapter_event.KIND,
        intermediate_step.KIND,
    )
}
"""Every kind of event record that is ours, by its name."""

STRUCTURE: Final = frozenset(f"{kind.name}.{path}" for kind in KINDS.values() for path in kind.structure)
"""Where ids stand in the payloads of our events, by path: in the form of an id they are not shown to a redactor."""

KEYS: Final = frozenset().union(*(kind.keys for kind in KINDS.values()))
"""Keys in the payloads of our events that are no content."""


def read_note(event: EventRecord, *, claimed: bool = False) -> Note:
    """What an event record says. Never raises: what cannot be read is an :class:`OtherNote`.

    ``claimed``: nobody vouches for its author, so it governs nothing.
    """
    order, payload = order_of(event), JsonText(event.payload)
    kind = KINDS.get(event.name)
    note = None
    if kind is not None and isinstance(payload.value, Mapping):
        held = payload.object
        claimed = claimed or held.get(semconv.CLAIMED) is True
        note = kind.read(order, NoteTarget.read(held.get("target")), payload, claimed=claimed)
    return OtherNote(order, event.name, payload) if note is None else note


def skeleton(name: str, payload: JsonObject) -> JsonObject:
    """What is left of an event's payload where content is not captured; nothing, where nothing may pass. Idempotent."""
    kind = KINDS.get(name)
    if kind is None:
        return {}
    kept = kind.skeleton(payload)
    if isinstance(target := payload.get("target"), dict):
        kept["target"] = only(target, TARGET)
    return kept
