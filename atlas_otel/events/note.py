"""What every event record comes down to: a note, about a target, with a place in the order and in the trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol, TypeAlias

from atlas_otel import semconv
from atlas_otel.models.plan import step_number
from atlas_otel.models.rows import TrajectoryEventRow
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.record import EventRecord

Order: TypeAlias = tuple[int, str]
"""(time in Unix nanoseconds, id): the order in which what was reported counts."""

STUDENT: Final = "student"
TEACHER: Final = "teacher"
RUNTIME: Final = "runtime"
"""Who speaks in a trajectory event (contract §3)."""


def order_of(event: EventRecord) -> Order:
    """The place of an event in the order of its session's."""
    return (event.sequence, f"{event.trace_id}:{event.span_id}:{event.sequence}")


class Enclosure(NamedTuple):
    """The step around an event: its UUID and name, and those of the one around it."""

    uuid: str
    name: str
    outer_uuid: str | None
    outer_name: str | None

    def to_json(self) -> dict[str, str | None]:
        """The event's ``function_ancestry`` (contract §1)."""
        return {
            "function_id": self.uuid,
            "function_name": self.name,
            "parent_id": self.outer_uuid,
            "parent_name": self.outer_name,
        }

    def step(self, payload: object) -> str:
        """An intermediate step with this payload in it, as JSON."""
        return dump({"parent_id": self.uuid, "function_ancestry": self.to_json(), "payload": payload})


TOP: Final = Enclosure(semconv.ROOT_STEP, semconv.ROOT_STEP, None, None)
"""Around what nothing encloses."""


@dataclass(frozen=True, slots=True)
class NoteTarget:
    """What a note is about, as its reporter named it; empty: the step that its span is or stands in, else the
    session."""

    step: int | None = None
    attempt: int | None = None
    span_id: str | None = None
    session: bool = False

    @staticmethod
    def read(value: JsonValue) -> NoteTarget:
        """The ``target`` of a payload; what is no target is the empty one."""
        if not isinstance(value, Mapping):
            return NoteTarget()
        span_id = value.get("span_id")
        return NoteTarget(
            step_number(value.get("step")),
            step_number(value.get("attempt"), least=1),
            span_id if isinstance(span_id, str) and span_id else None,
            bool(value.get("session")),
        )

    def to_json(self) -> dict[str, object] | None:
        """The target as a trajectory event names it."""
        named = {"step": self.step, "attempt": self.attempt, "span_id": self.span_id}
        return {name: value for name, value in named.items() if value is not None} or None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was reported on a span. In the trajectory: a CUSTOM pair that takes no time, unless it says
    otherwise."""

    actor: ClassVar[str] = RUNTIME
    order: Order

    @property
    def called(self) -> str:
        """Its name in the trajectory."""
        raise NotImplementedError

    def said(self) -> object:
        """What it says in the trajectory."""
        raise NotImplementedError

    def about(self) -> object:
        """What it is about, in the trajectory."""
        return None

    def trajectory(self, around: Enclosure) -> list[TrajectoryEventRow]:
        """The trajectory events that it is, where ``around`` encloses it."""
        time_ns, key = self.order
        start = self.payload() | {
            "event_type": "CUSTOM_START",
            "name": self.called,
            "data": {"input": self.about()},
            "metadata": {"actor": self.actor},
        }
        end = start | {
            "event_type": "CUSTOM_END",
            "span_event_timestamp": time_ns / 1e9,
            "data": {"output": self.said()},
        }
        return [
            TrajectoryEventRow(time_ns, f"{key}:0", around.step(start)),
            TrajectoryEventRow(time_ns, f"{key}:1", around.step(end)),
        ]

    def payload(self) -> dict[str, object]:
        """What the payloads of all its trajectory events have in common (contract §1)."""
        time_ns, key = self.order
        return {
            "UUID": key,
            "event_timestamp": time_ns / 1e9,
            "span_event_timestamp": None,
            "framework": None,
            "tags": [],
            "usage_info": None,
        }


@dataclass(frozen=True, slots=True)
class TargetedNote(Note):
    """A note about a step, a span or the session."""

    target: NoteTarget

    def about(self) -> object:
        """Its target."""
        return self.target.to_json()


@dataclass(frozen=True, slots=True)
class OtherNote(Note):
    """An event that is none of ours, or whose payload cannot be read: kept as it is."""

    name: str
    content: JsonText

    @property
    def called(self) -> str:
        """The event's own name."""
        return self.name

    def said(self) -> object:
        """Its payload, whole."""
        return self.content


class NoteReader(Protocol):
    """Reads the payload of one kind of event."""

    def __call__(self, order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> Note | None:
        """The note; None where ``payload`` has not the form."""


@dataclass(frozen=True)
class EventKind:
    """One kind of event record.

    ``read``: a note from (order, target, payload), None where the payload has not the form; ``claimed``: nobody vouches
    for its author, so it governs nothing. ``skeleton``: what is left of a payload where content is not captured.
    ``structure``: the paths in it where ids stand. ``keys``: the names in it that are no content, so that a redactor is
    not asked for them.
    """

    name: str
    read: NoteReader
    skeleton: Callable[[JsonObject], JsonObject]
    structure: tuple[str, ...] = ()
    keys: frozenset[str] = field(default_factory=frozenset)


TARGET_PATHS: Final = ("target.step", "target.attempt", "target.span_id")
TARGET_KEYS: Final = frozenset({"target", "step", "attempt", "span_id"})
