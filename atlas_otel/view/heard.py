"""What an event shows in a trace's logs → the event record that it was made of, as far as that can be told. Pure.

For traces that come back from Jaeger, where ``atlas.events`` does not go: the inverse of :mod:`~atlas_otel.view.said`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from atlas_otel import semconv
from atlas_otel.records.json_text import dump
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atlas_otel.records.record import AttributeValue, SpanEvent


def heard(event: SpanEvent, trace_id: str, span_id: str, session_key: str | None) -> EventRecord | None:
    """The record of an event on a span of ours; None for one that is none of ours, or that says too little."""
    read = _READ.get(event.name)
    if read is None:
        return None
    rest = _object(event.attributes.get(semconv.ATLAS_EVENT_PAYLOAD))
    payload = read(event.attributes, rest)
    if payload is None:
        return None
    if target := _target(event.attributes):
        payload["target"] = target
    return EventRecord(trace_id, span_id, event.time_ns, session_key, event.name, dump(payload))


def _target(shown: Mapping[str, AttributeValue]) -> dict[str, Any]:
    places = (
        ("step", semconv.ATLAS_STEP_ID),
        ("attempt", semconv.ATLAS_STEP_ATTEMPT),
        ("span_id", semconv.ATLAS_TARGET_SPAN_ID),
    )
    return {name: shown[key] for name, key in places if key in shown}


def _plan(shown: Mapping[str, AttributeValue], rest: dict[str, Any]) -> dict[str, Any] | None:
    lines = _texts(shown.get(semconv.ATLAS_PLAN_LINES))
    more = rest.pop("steps", None)
    extras = more if isinstance(more, list) and len(more) == len(lines) else [{}] * len(lines)
    steps = []
    for line, extra in zip(lines, extras, strict=True):
        number, dot, description = line.partition(". ")
        if not dot or not number.lstrip("-").isdigit():
            return None
        steps.append({"id": int(number), "description": description, **(extra if isinstance(extra, dict) else {})})
    return {**rest, "steps": steps} if steps else None


def _reward(shown: Mapping[str, AttributeValue], rest: dict[str, Any]) -> dict[str, Any] | None:
    score, name = shown.get(semconv.GEN_AI_EVALUATION_SCORE), shown.get(semconv.GEN_AI_EVALUATION_NAME)
    if not isinstance(score, (int, float)) or not isinstance(name, str):
        return None
    why = shown.get(semconv.GEN_AI_EVALUATION_EXPLANATION)
    return {"name": name, "score": score, **({"rationale": why} if why is not None else {}), **rest}


def _guidance(shown: Mapping[str, AttributeValue], rest: dict[str, Any]) -> dict[str, Any] | None:
    note = shown.get(semconv.ATLAS_GUIDANCE_NOTE)
    return {"note": note, **rest} if isinstance(note, str) else None


def _validation(shown: Mapping[str, AttributeValue], rest: dict[str, Any]) -> dict[str, Any] | None:
    valid, why = shown.get(semconv.ATLAS_VALIDATION_VALID), shown.get(semconv.ATLAS_VALIDATION_REASON)
    if not isinstance(valid, bool):
        return None
    return {"valid": valid, **({"reason": why} if why is not None else {}), **rest}


def _metadata(shown: Mapping[str, AttributeValue], rest: dict[str, Any]) -> dict[str, Any] | None:
    merged = _object(shown.get(semconv.ATLAS_METADATA))
    return {"metadata": merged, **rest} if merged else None


def _adapter_event(shown: Mapping[str, AttributeValue], rest: dict[str, Any]) -> dict[str, Any] | None:
    name, text = shown.get(semconv.ATLAS_NAME), shown.get(semconv.ATLAS_EVENT_PAYLOAD)
    if not isinstance(name, str):
        return None
    try:
        said = orjson.loads(text) if isinstance(text, str) else None
    except ValueError:
        said = text
    return {"name": name, "payload": said}


def _object(value: AttributeValue) -> dict[str, Any]:
    try:
        read = orjson.loads(value) if isinstance(value, str) else None
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _texts(value: AttributeValue) -> list[str]:
    """A list of texts; Jaeger's own form has it as JSON."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except ValueError:
            return []
    return [text for text in value if isinstance(text, str)] if isinstance(value, (list, tuple)) else []


_READ: Final[Mapping[str, Callable[[Mapping[str, AttributeValue], dict[str, Any]], dict[str, Any] | None]]] = {
    semconv.EVENT_PLAN: _plan,
    semconv.EVENT_REWARD: _reward,
    semconv.EVENT_GUIDANCE: _guidance,
    semconv.EVENT_VALIDATION: _validation,
    semconv.EVENT_METADATA: _metadata,
    semconv.EVENT_ADAPTER: _adapter_event,
}
