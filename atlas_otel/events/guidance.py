"""``atlas.guidance``: a teacher's note that precedes a retry. ``{"note", "target"}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from atlas_otel import semconv
from atlas_otel.events.note import TARGET_KEYS, TARGET_PATHS, TEACHER, EventKind, NoteTarget, TargetedNote

if TYPE_CHECKING:
    from atlas_otel.events.note import Enclosure, Order
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.models.rows import TrajectoryEventRow
    from atlas_otel.records.json_text import JsonText


@dataclass(frozen=True, slots=True)
class GuidanceNote(TargetedNote):
    """A teacher's note."""

    actor: ClassVar[str] = TEACHER
    note: str
    repeated: bool = False
    """Read from a later attempt's input, which lists all guidance so far: it counts where nobody reported it."""

    @property
    def called(self) -> str:
        """``guidance``."""
        return "guidance"

    def said(self) -> object:
        """Its words."""
        return self.note

    def trajectory(self, around: Enclosure) -> list[TrajectoryEventRow]:
        """Nothing where it only repeats what was said before."""
        return [] if self.repeated else TargetedNote.trajectory(self, around)


def _read(order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> GuidanceNote | None:
    note = payload.object.get("note")
    return GuidanceNote(order, target, note) if isinstance(note, str) else None


def _skeleton(payload: JsonObject) -> JsonObject:
    return {"note": semconv.NOT_CAPTURED}


KIND: Final = EventKind(semconv.EVENT_GUIDANCE, _read, _skeleton, TARGET_PATHS, TARGET_KEYS | {"note"})
