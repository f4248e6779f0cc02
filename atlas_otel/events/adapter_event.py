"""``atlas.adapter_event``: something the agent's adapter reports while it works. ``{"name", "payload"}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from atlas_otel import semconv
from atlas_otel.events.forms import is_type, only
from atlas_otel.events.note import STUDENT, TOP, EventKind, Note
from atlas_otel.models.rows import TrajectoryEventRow

if TYPE_CHECKING:
    from atlas_otel.events.note import Enclosure, NoteTarget, Order
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.json_text import JsonText


@dataclass(frozen=True, slots=True)
class AdapterNote(Note):
    """Something the agent's adapter reported."""

    actor: ClassVar[str] = STUDENT
    name: str
    content: JsonValue
    opening: bool = False
    """It came while the adapter opened, before the session's workflow began."""

    def trajectory(self, around: Enclosure) -> list[TrajectoryEventRow]:
        """An ``ADAPTER_EVENT`` (contract §1)."""
        time_ns, key = self.order
        held = self.content.get("metadata") if isinstance(self.content, dict) else None
        event = self.payload() | {
            "event_type": "ADAPTER_EVENT",
            "name": self.name,
            "data": {"output": self.content},
            "metadata": {"source": "adapter", "adapter_metadata": held or {}, "actor": self.actor},
        }
        return [TrajectoryEventRow(time_ns, key, (TOP if self.opening else around).step(event))]


def _read(order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> AdapterNote:
    held = payload.object
    name = held.get("name")
    called = name if isinstance(name, str) else "adapter_event"
    return AdapterNote(order, called, held.get("payload"), held.get("opening") is True)


def _skeleton(payload: JsonObject) -> JsonObject:
    return {"payload": None, **only(payload, {"name": is_type})}


KIND: Final = EventKind(semconv.EVENT_ADAPTER, _read, _skeleton, keys=frozenset({"name", "payload", "event", "reason"}))
