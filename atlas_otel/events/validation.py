"""``atlas.validation``: whether a result holds. ``{"valid", …, "target"}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from atlas_otel import semconv
from atlas_otel.events.forms import is_number, only
from atlas_otel.events.note import TARGET_KEYS, TARGET_PATHS, TEACHER, EventKind, NoteTarget, TargetedNote

if TYPE_CHECKING:
    from atlas_otel.events.note import Order
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.records.json_text import JsonText


@dataclass(frozen=True, slots=True)
class ValidationNote(TargetedNote):
    """Whether a result holds: ``verdict`` has ``valid`` and whatever else was said."""

    actor: ClassVar[str] = TEACHER
    verdict: JsonObject

    @property
    def called(self) -> str:
        """``validation``."""
        return "validation"

    def said(self) -> object:
        """The verdict, whole."""
        return self.verdict


def _read(order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> ValidationNote:
    return ValidationNote(order, target, {k: v for k, v in payload.object.items() if k != "target"})


def _skeleton(payload: JsonObject) -> JsonObject:
    return only(payload, {"valid": is_number, "score": is_number})


KIND: Final = EventKind(
    semconv.EVENT_VALIDATION, _read, _skeleton, TARGET_PATHS, TARGET_KEYS | {"valid", "score", "reason", "rationale"}
)
