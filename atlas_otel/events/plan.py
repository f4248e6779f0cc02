"""``atlas.plan``: the session's plan. ``{"steps": [{id, description, tool, tool_params, depends_on}],
"execution_mode"}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from atlas_otel import semconv
from atlas_otel.events.forms import is_id, is_number, objects, only
from atlas_otel.events.note import STUDENT, EventKind, Note
from atlas_otel.models.plan import Plan

if TYPE_CHECKING:
    from atlas_otel.events.note import NoteTarget, Order
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.json_text import JsonText


@dataclass(frozen=True, slots=True)
class PlanNote(Note):
    """The session's plan, as it was from then on."""

    actor: ClassVar[str] = STUDENT
    plan: Plan

    @property
    def called(self) -> str:
        """``plan``."""
        return "plan"

    def said(self) -> object:
        """The plan as its row holds it."""
        return self.plan.to_json()


def _read(order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> PlanNote | None:
    plan = Plan.from_json(dict(payload.object))
    return PlanNote(order, plan) if plan is not None else None


def _skeleton(payload: JsonObject) -> JsonObject:
    steps: list[JsonValue] = []
    for step in objects(payload.get("steps")):
        kept: JsonObject = {**only(step, {"id": is_id}), "description": semconv.NOT_CAPTURED}
        depends = step.get("depends_on")
        kept["depends_on"] = [item for item in depends if is_number(item)] if isinstance(depends, list) else []
        steps.append(kept)
    mode = payload.get("execution_mode")
    return {"steps": steps, **({"execution_mode": mode} if mode in ("stepwise", "single_shot") else {})}


_KEYS: Final = frozenset({"steps", "id", "description", "tool", "tool_params", "depends_on", "execution_mode"})
KIND: Final = EventKind(semconv.EVENT_PLAN, _read, _skeleton, keys=_KEYS)
