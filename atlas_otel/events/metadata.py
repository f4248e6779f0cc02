"""``atlas.metadata``: metadata for the session or a step. ``{"metadata": {…}, "target", "source"}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.events.note import TARGET_KEYS, TARGET_PATHS, EventKind, NoteTarget, TargetedNote
from atlas_otel.events.runtime_metadata import RUNTIME, runtime_metadata

if TYPE_CHECKING:
    from atlas_otel.events.note import Order
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.records.json_text import JsonText


@dataclass(frozen=True, slots=True)
class MetadataNote(TargetedNote):
    """Metadata for the session, or for a step where the target names one. ``governed``: the runtime's own words."""

    values: JsonObject
    governed: bool = False

    @property
    def called(self) -> str:
        """``metadata``."""
        return "metadata"

    def said(self) -> object:
        """The values."""
        return self.values


def _read(order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> MetadataNote | None:
    held = payload.object.get("metadata")
    governed = not claimed and payload.object.get("source") == RUNTIME
    return MetadataNote(order, target, dict(held), governed) if isinstance(held, Mapping) else None


def _skeleton(payload: JsonObject) -> JsonObject:
    """Of the runtime's metadata its numbers and enumerations; of the caller's nothing."""
    held = payload.get("metadata")
    if payload.get("source") != RUNTIME or semconv.CLAIMED in payload or not isinstance(held, dict):
        return {}
    if not (kept := runtime_metadata(held)):
        return {}
    return {"metadata": kept, "source": RUNTIME}


KIND: Final = EventKind(semconv.EVENT_METADATA, _read, _skeleton, TARGET_PATHS, TARGET_KEYS | {"metadata"})
