"""Event records, read: what was reported through the API while a span ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import orjson

from atlas_otel import semconv
from atlas_otel.models.evaluation import DEFAULT_REWARD_NAME, Reward, finite, judge_entry
from atlas_otel.models.plan import Plan, step_number
from atlas_otel.records.json_text import JsonText, dump
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.record import SpanRecord

Order: TypeAlias = tuple[int, str]
"""(time in Unix nanoseconds, id): the order in which what was reported counts."""


@dataclass(frozen=True, slots=True)
class NoteTarget:
    """What a note is about, as its reporter named it; empty: the step that its span is or stands in, else the
    session."""

    step: int | None = None
    attempt: int | None = None
    span_id: str | None = None
    session: bool = False


@dataclass(frozen=True, slots=True)
class RewardNote:
    """A score."""

    order: Order
    target: NoteTarget
    reward: Reward


@dataclass(frozen=True, slots=True)
class GuidanceNote:
    """A teacher's note."""

    order: Order
    target: NoteTarget
    note: str
    repeated: bool = False
    """Read from a later attempt's input, which lists all guidance so far: it counts where nobody reported it."""


@dataclass(frozen=True, slots=True)
class ValidationNote:
    """Whether a result holds: ``payload`` has ``valid`` and whatever else was said."""

    order: Order
    target: NoteTarget
    payload: JsonObject


@dataclass(frozen=True, slots=True)
class MetadataNote:
    """Metadata for the session, or for a step where the target names one. ``governed``: the runtime's own words."""

    order: Order
    target: NoteTarget
    values: JsonObject
    governed: bool = False


@dataclass(frozen=True, slots=True)
class PlanNote:
    """The session's plan, as it was from then on."""

    order: Order
    plan: Plan


@dataclass(frozen=True, slots=True)
class AdapterNote:
    """Something the agent's adapter reported."""

    order: Order
    name: str
    payload: JsonValue
    opening: bool = False
    """It came while the adapter opened, before the session's workflow began."""


@dataclass(frozen=True, slots=True)
class PushedNote:
    """An intermediate step as it was pushed; ``text`` is the ``IntermediateStep`` as JSON, without our marks."""

    order: Order
    text: JsonText
    anomaly: str | None


@dataclass(frozen=True, slots=True)
class OtherNote:
    """An event that is none of the above, or whose payload cannot be read: kept as it is."""

    order: Order
    name: str
    payload: JsonText


AboutNote: TypeAlias = RewardNote | GuidanceNote | ValidationNote | MetadataNote
"""A note that is about something: it has a target."""
Note: TypeAlias = AboutNote | PlanNote | AdapterNote | PushedNote | OtherNote


def order_of(event: EventRecord) -> Order:
    """The place of an event in the order of its session's."""
    return (event.sequence, f"{event.trace_id}:{event.span_id}:{event.sequence}")


def packed_events(span: SpanRecord) -> list[EventRecord]:
    """The event records that a span brought along in ``atlas.events``, where no receiver has unpacked them.

    Anybody can write that attribute: :func:`read_note` takes them as ``claimed``.
    """
    packed = span.attributes.get(semconv.ATLAS_EVENTS)
    if not isinstance(packed, str):
        return []
    try:
        entries = orjson.loads(packed)
    except ValueError:
        return []
    found = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, list) and len(entry) == 3:
            sequence, name, payload = entry
            if isinstance(sequence, int) and isinstance(name, str):
                found.append(EventRecord(*span.key, sequence, span.session_key, name, dump(payload)))
    return found


def read_note(event: EventRecord, *, claimed: bool = False) -> Note:
    """What an event record says. Never raises: what cannot be read is an :class:`OtherNote`.

    ``claimed``: nobody vouches for its author, so it governs nothing.
    """
    order, payload = order_of(event), JsonText(event.payload)
    if event.name == semconv.EVENT_INTERMEDIATE_STEP:
        return _pushed(order, payload)
    value = payload.value
    note = _read(event.name, order, value, claimed=claimed) if isinstance(value, Mapping) else None
    return OtherNote(order, event.name, payload) if note is None else note


def _read(name: str, order: Order, value: Mapping[str, JsonValue], *, claimed: bool) -> Note | None:
    target, claimed = _target(value.get("target")), claimed or value.get(semconv.CLAIMED) is True
    if name == semconv.EVENT_REWARD:
        return RewardNote(order, target, _reward(order[0], value, claimed=claimed))
    if name == semconv.EVENT_GUIDANCE:
        note = value.get("note")
        return GuidanceNote(order, target, note) if isinstance(note, str) else None
    if name == semconv.EVENT_VALIDATION:
        return ValidationNote(order, target, {k: v for k, v in value.items() if k != "target"})
    if name == semconv.EVENT_METADATA:
        held = value.get("metadata")
        governed = not claimed and value.get("source") == semconv.SOURCE_RUNTIME
        return MetadataNote(order, target, dict(held), governed) if isinstance(held, Mapping) else None
    if name == semconv.EVENT_PLAN:
        plan = Plan.from_json(dict(value))
        return PlanNote(order, plan) if plan is not None else None
    if name == semconv.EVENT_ADAPTER:
        called = value.get("name")
        name = called if isinstance(called, str) else "adapter_event"
        return AdapterNote(order, name, value.get("payload"), value.get("opening") is True)
    return None


def _pushed(order: Order, payload: JsonText) -> Note:
    value = payload.value
    if not isinstance(value, Mapping) or not isinstance(value.get("payload"), Mapping):
        return OtherNote(order, semconv.EVENT_INTERMEDIATE_STEP, payload)
    anomaly = value.get("anomaly")
    if "anomaly" not in value:
        return PushedNote(order, payload, None)
    bare = {name: held for name, held in value.items() if name != "anomaly"}
    return PushedNote(order, JsonText(dump(bare)), anomaly if isinstance(anomaly, str) else None)


def _target(value: JsonValue) -> NoteTarget:
    if not isinstance(value, Mapping):
        return NoteTarget()
    span_id = value.get("span_id")
    return NoteTarget(
        step_number(value.get("step")),
        step_number(value.get("attempt"), least=1),
        span_id if isinstance(span_id, str) and span_id else None,
        bool(value.get("session")),
    )


def _reward(time_ns: int, value: Mapping[str, JsonValue], *, claimed: bool) -> Reward:
    name, score, judge, raw = value.get("name"), finite(value.get("score")), value.get("judge"), value.get("raw")
    listed, rationale, label = value.get("judges"), value.get("rationale"), value.get("label")
    rationale = rationale if isinstance(rationale, str) else None
    judges = [entry for one in _list(listed) if (entry := judge_entry(one)) is not None]
    if not judges and isinstance(judge, str) and judge:
        lone: JsonObject = {"identifier": judge, "rationale": rationale}
        if score is not None:
            lone["score"] = score
        judges = [entry for one in (lone,) if (entry := judge_entry(one)) is not None]
    return Reward(
        time_ns=time_ns,
        name=name if isinstance(name, str) and name else DEFAULT_REWARD_NAME,
        score=score,
        rationale=rationale,
        label=label if isinstance(label, str) else None,
        judges=() if claimed else tuple(judges),
        primary=value.get("primary") is True,
        raw=dict(raw) if isinstance(raw, Mapping) else None,
        claimed=claimed,
        claimed_judges=tuple(judges) if claimed else (),
    )


def _list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else ()
