"""``atlas.intermediate_step``: a step as it was pushed (contract §1), with an ``anomaly`` beside it where it fits no
open one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.events.forms import is_id, is_name, is_number, is_type, only
from atlas_otel.events.note import EventKind, Note
from atlas_otel.models.rows import TrajectoryEventRow
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from atlas_otel.events.note import Enclosure, NoteTarget, Order
    from atlas_otel.models.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class PushedNote(Note):
    """An intermediate step as it was pushed; ``text`` is the ``IntermediateStep`` as JSON, without our marks."""

    text: JsonText
    anomaly: str | None

    def trajectory(self, around: Enclosure) -> list[TrajectoryEventRow]:
        """The step itself."""
        time_ns, key = self.order
        return [TrajectoryEventRow(time_ns, key, self.text.text)]


def _read(order: Order, target: NoteTarget, payload: JsonText, *, claimed: bool) -> PushedNote | None:
    held = payload.object
    if not isinstance(held.get("payload"), Mapping):
        return None
    if "anomaly" not in held:
        return PushedNote(order, payload, None)
    anomaly = held["anomaly"]
    bare = {name: value for name, value in held.items() if name != "anomaly"}
    return PushedNote(order, JsonText(dump(bare)), anomaly if isinstance(anomaly, str) else None)


def _skeleton(payload: JsonObject) -> JsonObject:
    kept = only(payload, {"parent_id": is_id, semconv.ATLAS_ANOMALY: is_type, "anomaly": is_type})
    ancestry, step = payload.get("function_ancestry"), payload.get("payload")
    if isinstance(ancestry, dict):
        names = {"function_id": is_id, "function_name": is_name, "parent_id": is_id, "parent_name": is_name}
        kept["function_ancestry"] = only(ancestry, names)
    if isinstance(step, dict):
        forms = {"event_timestamp": is_number, "span_event_timestamp": is_number, "UUID": is_id}
        inner = only(step, {**forms, "event_type": is_type, "framework": is_name, "name": is_name})
        usage = step.get("usage_info")
        if isinstance(usage, dict):
            inner["usage_info"] = {key: usage[key] for key in _USAGE if is_number(usage.get(key))}
        kept["payload"] = inner
    return kept


_USAGE: Final = ("prompt_tokens", "completion_tokens", "total_tokens", "num_llm_calls", "seconds_between_calls")
_IDS: Final = ("UUID", "event_type", "event_timestamp", "span_event_timestamp")
_STRUCTURE: Final = (
    *("parent_id", "anomaly", "function_ancestry.function_id", "function_ancestry.parent_id"),
    *(f"payload.{key}" for key in _IDS),
)
_KEYS: Final = frozenset(
    {*_IDS, "parent_id", "anomaly", "function_ancestry", "function_id", "function_name", "parent_name", "payload"}
    | {"framework", "name", "tags", "data", "input", "output", "chunk", "metadata", "usage_info"}
)
KIND: Final = EventKind(semconv.EVENT_INTERMEDIATE_STEP, _read, _skeleton, _STRUCTURE, _KEYS)
