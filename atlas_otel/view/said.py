"""What an event of ours shows of itself in a trace's logs: what was said, in words. Pure.

The record keeps the payload whole; this is made of its JSON text, which has been redacted and bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from atlas_otel import semconv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.records.record import AttributeValue


def said(name: str, shown: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    """What to show of an event with these attributes; the very same where nothing is known of it."""
    text = shown.get(semconv.ATLAS_EVENT_PAYLOAD)
    tell = _TELL.get(name)
    if tell is None or not isinstance(text, str):
        return shown
    try:
        payload = orjson.loads(text)
    except ValueError:
        return shown
    if not isinstance(payload, dict):
        return shown
    facts = {key: value for key, value in shown.items() if key != semconv.ATLAS_EVENT_PAYLOAD}
    rest = dict(payload)
    facts.update(tell(rest))
    if isinstance(target := rest.pop("target", None), dict):
        facts.update(_target(target))
    left = {key: value for key, value in rest.items() if value not in (None, [], {})}
    if left and semconv.ATLAS_EVENT_PAYLOAD not in facts:
        facts[semconv.ATLAS_EVENT_PAYLOAD] = orjson.dumps(left).decode()
    return facts


def _target(target: dict[str, Any]) -> dict[str, AttributeValue]:
    places = (("step", semconv.ATLAS_STEP_ID), ("attempt", semconv.ATLAS_STEP_ATTEMPT))
    found: dict[str, AttributeValue] = {key: target[name] for name, key in places if isinstance(target.get(name), int)}
    if isinstance(span := target.get("span_id"), str):
        found[semconv.ATLAS_TARGET_SPAN_ID] = span
    return found


def _plan(payload: dict[str, Any]) -> dict[str, AttributeValue]:
    steps = [step for step in payload.pop("steps", None) or () if isinstance(step, dict)]
    lines = [f"{step.get('id')}. {step.get('description')}" for step in steps]
    told = ("id", "description")
    more = [{k: v for k, v in one.items() if v not in (None, [], {}) and k not in told} for one in steps]
    if any(more):
        payload["steps"] = more
    return {semconv.ATLAS_PLAN_LINES: lines}


def _reward(payload: dict[str, Any]) -> dict[str, AttributeValue]:
    payload.pop("name", None)
    payload.pop("score", None)
    why = payload.pop("rationale", None)
    return {semconv.GEN_AI_EVALUATION_EXPLANATION: why} if isinstance(why, str) and why else {}


def _guidance(payload: dict[str, Any]) -> dict[str, AttributeValue]:
    note = payload.pop("note", None)
    return {semconv.ATLAS_GUIDANCE_NOTE: note} if isinstance(note, str) else {}


def _validation(payload: dict[str, Any]) -> dict[str, AttributeValue]:
    payload.pop("valid", None)
    why = payload.pop("reason", None)
    return {semconv.ATLAS_VALIDATION_REASON: why} if isinstance(why, str) and why else {}


def _metadata(payload: dict[str, Any]) -> dict[str, AttributeValue]:
    merged = payload.pop("metadata", None)
    payload.pop("source", None)
    return {semconv.ATLAS_METADATA: orjson.dumps(merged).decode()}


def _adapter_event(payload: dict[str, Any]) -> dict[str, AttributeValue]:
    payload.pop("name", None)
    payload.pop("opening", None)
    return _inner(payload.pop("payload", None))


def _pushed(payload: dict[str, Any]) -> dict[str, AttributeValue]:
    """An intermediate step (contract §1): its type, its name, and what it carries."""
    step = payload.pop("payload", None)
    payload.pop("function_ancestry", None)
    payload.pop("parent_id", None)
    if not isinstance(step, dict):
        return {}
    found: dict[str, AttributeValue] = {}
    kind = step.get("event_type")
    if isinstance(kind, str):
        found[semconv.ATLAS_NAME] = kind
    data = step.get("data")
    if isinstance(data, dict):
        carried = {key: value for key, value in data.items() if value is not None}
        if carried.keys() == {"chunk"} and isinstance(carried["chunk"], str):
            return {**found, semconv.ATLAS_EVENT_CHUNK: carried["chunk"]}
        data = next(iter(carried.values())) if len(carried) == 1 else carried or None
    return {**found, **_inner(data)}


def _inner(value: Any) -> dict[str, AttributeValue]:
    if value is None:
        return {}
    return {semconv.ATLAS_EVENT_PAYLOAD: value if isinstance(value, str) else orjson.dumps(value).decode()}


_TELL: dict[str, Callable[[dict[str, Any]], dict[str, AttributeValue]]] = {
    semconv.EVENT_PLAN: _plan,
    semconv.EVENT_REWARD: _reward,
    semconv.EVENT_GUIDANCE: _guidance,
    semconv.EVENT_VALIDATION: _validation,
    semconv.EVENT_METADATA: _metadata,
    semconv.EVENT_ADAPTER: _adapter_event,
    semconv.EVENT_INTERMEDIATE_STEP: _pushed,
}
