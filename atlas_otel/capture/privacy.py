"""What may leave the process of a span or an event that somebody else wrote: the last gate before every sink. Pure.

Our own spans are captured with their privacy applied (``capture``). Spans of other instrumentations come as they are,
and pass :func:`sanitize_span`:

- with content on, all that can carry content is normalised, redacted and bounded: name, attributes, events, links,
  status message, resource. The command line of the process never passes, as it may hold a secret.
- with content off, only the allowlist passes (``privacy_allowlist``). A foreign span's name may hold a URL, a query or
  a prompt: it is made anew from what the allowlist lets pass (``chat gpt-5-mini``, ``GET``), else from the
  instrumentation scope. A step of ours keeps its number and loses its description. Of an exception its type is kept.

Both functions are idempotent, with a redactor as far as the redactor is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from atlas_otel import semconv
from atlas_otel.capture.allowlist import is_id, is_name, is_number, is_type, permitted
from atlas_otel.capture.normalise import to_tree
from atlas_otel.capture.runtime_allowlist import RUNTIME, runtime_metadata
from atlas_otel.capture.value_forms import clean
from atlas_otel.records.record import EventRecord, SpanEvent, SpanLink, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.record import Attributes

_NEVER: Final = frozenset({"process.command", "process.command_args", "process.command_line"})
_RESOURCE: Final = re.compile(
    r"service\.(?:name|version|namespace|instance\.id)|telemetry\.(?:sdk|distro|auto)\.[a-z.]+|deployment\.environment(?:\.name)?|"
    r"process\.(?:pid|parent_pid|runtime\.(?:name|version|description))|os\.type|host\.arch"
)
_EVENT_NAME: Final = re.compile(r"(?:gen_ai|atlas)\.[a-z_.]{1,60}|exception")
_UNNAMED: Final = "event"


def sanitize_span(record: SpanRecord, capture: Capture) -> SpanRecord:
    """The span with only what ``capture`` lets pass."""
    record = record._replace(
        kind=record.kind if record.kind in semconv.KINDS else None,
        session_key=record.session_key if is_id(record.session_key) else None,
    )
    resource = sanitize_resource(record.resource, capture)
    if not capture.content:
        return _without_content(record)._replace(resource=resource)
    return record._replace(
        name=_text(record.name, "span.name", capture),
        status_message=None if record.status_message is None else _text(record.status_message, "span.status", capture),
        attributes=sanitize_attributes(record.attributes, "span", capture),
        events=sanitize_events(record.events, capture),
        links=tuple(
            SpanLink(*link[:2], sanitize_attributes(link.attributes, "link", capture)) for link in record.links
        ),
        resource=resource,
    )


def sanitize_resource(resource: Attributes, capture: Capture) -> Attributes:
    """A process' resource with only what ``capture`` lets pass; never the command line, which may hold a secret."""
    kept = {key: value for key, value in resource.items() if key not in _NEVER}
    if capture.content:
        return sanitize_attributes(kept, "resource", capture)
    return {k: v for k, v in kept.items() if _RESOURCE.fullmatch(k) and (is_name(v) or is_number(v))}


def sanitize_attributes(attributes: Attributes, where: str, capture: Capture) -> Attributes:
    """Attributes with only what ``capture`` lets pass, within its limits. ``where``: what they stand on."""
    return capture.bounded(capture.attributes(attributes, where))


def sanitize_events(events: Iterable[SpanEvent], capture: Capture) -> tuple[SpanEvent, ...]:
    """A span's events with only what ``capture`` lets pass."""
    if not capture.content:
        return _bare_events(events)
    return tuple(
        SpanEvent(
            _text(event.name, "event.name", capture),
            event.time_ns,
            sanitize_attributes(event.attributes, event.name, capture),
        )
        for event in events
    )


def _bare_events(events: Iterable[SpanEvent]) -> tuple[SpanEvent, ...]:
    return tuple(
        SpanEvent(
            event.name if _EVENT_NAME.fullmatch(event.name) else _UNNAMED, event.time_ns, permitted(event.attributes)
        )
        for event in events
    )


def sanitize_event(record: EventRecord, capture: Capture) -> EventRecord | None:
    """The event with only what ``capture`` lets pass; None where nothing of it may.

    The payload of an event of unknown kind does not pass with content off.
    """
    if capture.content:
        return record._replace(payload=capture.redacted(record.payload, record.name))
    payload = _loads(record.payload)
    kept = event_skeleton(record.name, payload) if isinstance(payload, dict) else {}
    return record._replace(payload=orjson.dumps(kept).decode()) if kept else None


def _text(text: str, where: str, capture: Capture) -> str:
    return capture.bounded_text(capture.redacted(text, where))


def event_skeleton(name: str, payload: Mapping[str, object]) -> JsonObject:
    """What is left of one of our events' payload where content is not captured; nothing, where nothing may pass."""
    reduce = _REDUCERS.get(name)
    tree = to_tree(payload).tree
    if reduce is None or not isinstance(tree, dict):
        return {}
    kept = reduce(tree)
    if isinstance(target := tree.get("target"), dict):
        kept["target"] = _only(target, {"step": is_id, "attempt": is_number, "span_id": is_id})
    return kept


def _without_content(record: SpanRecord) -> SpanRecord:
    attributes = permitted(record.attributes)
    packed = record.attributes.get(semconv.ATLAS_EVENTS)
    if isinstance(packed, str):
        attributes[semconv.ATLAS_EVENTS] = _packed(packed)
    return record._replace(
        name=_name(record, attributes),
        status_message=_error_type(record, attributes),
        attributes=attributes,
        events=_bare_events(record.events),
        links=tuple(SpanLink(*link[:2], permitted(link.attributes)) for link in record.links),
    )


def _name(record: SpanRecord, attributes: Attributes) -> str:
    """A name without content."""
    if record.scope == semconv.SCOPE_NAME:
        if record.kind == "step":
            number = attributes.get(semconv.ATLAS_STEP_ID)
            return "step" if number is None else f"step {number}"
        return clean(record.name)
    operation = attributes.get(semconv.GEN_AI_OPERATION_NAME)
    if operation is not None:
        subjects = (semconv.GEN_AI_TOOL_NAME, semconv.GEN_AI_AGENT_NAME, semconv.GEN_AI_REQUEST_MODEL)
        subject = next((attributes[key] for key in subjects if key in attributes), None)
        return f"{operation}" if subject is None else f"{operation} {subject}"
    for key in ("http.request.method", "http.method", "db.system.name", "db.system", "rpc.system", "messaging.system"):
        if key in attributes:
            return f"{attributes[key]}"
    return clean(record.scope) or "span"


def _error_type(record: SpanRecord, attributes: Attributes) -> str | None:
    """What a status message comes down to: the type of the error, where it is known."""
    kind = attributes.get(semconv.ERROR_TYPE)
    return kind if record.status_message is not None and isinstance(kind, str) else None


def _packed(text: str) -> str:
    """``atlas.events`` (``[[sequence, name, payload], …]``) with each payload reduced."""
    events: list[JsonValue] = []
    held = _loads(text)
    for entry in held if isinstance(held, list) else ():
        if isinstance(entry, list) and len(entry) == 3 and isinstance(entry[0], int) and isinstance(entry[1], str):
            kept = event_skeleton(entry[1], entry[2]) if isinstance(entry[2], dict) else {}
            if kept:
                events.append([entry[0], entry[1], kept])
    return orjson.dumps(events).decode()


def _loads(text: str) -> JsonValue:
    try:
        tree: JsonValue = orjson.loads(text)
    except ValueError:
        return None
    return tree


# --- our events, by name: what is left of their payloads -------------------------------------------------------------


def _only(tree: Mapping[str, JsonValue], forms: Mapping[str, Callable[[object], bool]]) -> JsonObject:
    return {key: tree[key] for key, form in forms.items() if key in tree and form(tree[key])}


def _objects(tree: JsonValue) -> Iterable[JsonObject]:
    return (item for item in tree if isinstance(item, dict)) if isinstance(tree, list) else ()


def _plan(payload: JsonObject) -> JsonObject:
    steps: list[JsonValue] = []
    for step in _objects(payload.get("steps")):
        kept: JsonObject = {**_only(step, {"id": is_id}), "description": semconv.NOT_CAPTURED}
        depends = step.get("depends_on")
        kept["depends_on"] = [item for item in depends if is_number(item)] if isinstance(depends, list) else []
        steps.append(kept)
    mode = payload.get("execution_mode")
    return {"steps": steps, **({"execution_mode": mode} if mode in ("stepwise", "single_shot") else {})}


def _reward(payload: JsonObject) -> JsonObject:
    kept: JsonObject = {semconv.CLAIMED: True} if payload.get(semconv.CLAIMED) is True else {}
    kept |= _only(payload, {"name": is_name, "score": is_number, "judge": is_name, "primary": is_number})
    if judges := [_judge(judge) for judge in _objects(payload.get("judges"))]:
        kept["judges"] = judges
    if isinstance(raw := payload.get("raw"), dict) and isinstance(raw.get("failed"), bool):
        kept["raw"] = {"failed": raw["failed"]}  # nobody's score: histories leave it out
    return kept


def _judge(judge: JsonObject) -> JsonValue:
    kept = _only(judge, {"identifier": is_name, "score": is_number, "uncertainty": is_number, "escalated": is_number})
    numbers = dict.fromkeys(("score", "uncertainty", "temperature"), is_number)
    if samples := [_only(sample, numbers) for sample in _objects(judge.get("samples"))]:
        kept["samples"] = list(samples)
    return kept


def _metadata(payload: JsonObject) -> JsonObject:
    """Of the runtime's metadata its numbers and enumerations; of the caller's nothing."""
    held = payload.get("metadata")
    if payload.get("source") != RUNTIME or semconv.CLAIMED in payload or not isinstance(held, dict):
        return {}
    if not (kept := runtime_metadata(held)):
        return {}
    return {"metadata": kept, "source": RUNTIME}


def _guidance(payload: JsonObject) -> JsonObject:
    return {"note": semconv.NOT_CAPTURED}


def _validation(payload: JsonObject) -> JsonObject:
    return _only(payload, {"valid": is_number, "score": is_number})


def _adapter_event(payload: JsonObject) -> JsonObject:
    return {"payload": None, **_only(payload, {"name": is_type})}


def _intermediate_step(payload: JsonObject) -> JsonObject:
    kept = _only(payload, {"parent_id": is_id, semconv.ATLAS_ANOMALY: is_type, "anomaly": is_type})
    ancestry, step = payload.get("function_ancestry"), payload.get("payload")
    if isinstance(ancestry, dict):
        names = {"function_id": is_id, "function_name": is_name, "parent_id": is_id, "parent_name": is_name}
        kept["function_ancestry"] = _only(ancestry, names)
    if isinstance(step, dict):
        forms = {"event_timestamp": is_number, "span_event_timestamp": is_number, "UUID": is_id}
        inner = _only(step, {**forms, "event_type": is_type, "framework": is_name, "name": is_name})
        usage = step.get("usage_info")
        if isinstance(usage, dict):
            inner["usage_info"] = {key: usage[key] for key in _USAGE if is_number(usage.get(key))}
        kept["payload"] = inner
    return kept


_USAGE: Final = ("prompt_tokens", "completion_tokens", "total_tokens", "num_llm_calls", "seconds_between_calls")

_REDUCERS: Final[dict[str, Callable[[JsonObject], JsonObject]]] = {
    semconv.EVENT_METADATA: _metadata,
    semconv.EVENT_PLAN: _plan,
    semconv.EVENT_REWARD: _reward,
    semconv.EVENT_GUIDANCE: _guidance,
    semconv.EVENT_VALIDATION: _validation,
    semconv.EVENT_ADAPTER: _adapter_event,
    semconv.EVENT_INTERMEDIATE_STEP: _intermediate_step,
}
