"""What may leave the process of a span or an event that somebody else wrote: the last gate before every sink. Pure.

Our own spans are captured with their privacy applied (``capture``). Spans of other instrumentations come as they are,
and pass :func:`sanitize_span`:

- with content on, all that can carry content is normalised, redacted and bounded: name, attributes, events, links,
  status message, resource. The command line of the process never passes, as it may hold a secret.
- with content off, only the allowlist passes (``allowlist``). A foreign span's name may hold a URL, a query or
  a prompt: it is made anew from what the allowlist lets pass (``chat gpt-5-mini``, ``GET``), else from the
  instrumentation scope. A step of ours keeps its number and loses its description. Of an exception its type is kept.

Both functions are idempotent, with a redactor as far as the redactor is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from atlas_otel import semconv
from atlas_otel.capture.allowlist import permitted
from atlas_otel.capture.normalise import to_tree
from atlas_otel.capture.value_forms import clean
from atlas_otel.events.forms import is_id, is_name, is_number
from atlas_otel.records.packing import pack_events, unpack_events
from atlas_otel.records.record import EventRecord, SpanEvent, SpanLink, SpanRecord
from atlas_otel.records.utf8 import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    from atlas_otel.events.catalogue import skeleton  # late: a program that captures content never needs it

    tree = to_tree(payload).tree
    return skeleton(name, tree) if isinstance(tree, dict) else {}


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
            return f"{text_of(attributes[key])}"
    return clean(record.scope) or "span"


def _error_type(record: SpanRecord, attributes: Attributes) -> str | None:
    """What a status message comes down to: the type of the error, where it is known."""
    kind = attributes.get(semconv.ERROR_TYPE)
    return kind if record.status_message is not None and isinstance(kind, str) else None


def _packed(text: str) -> str:
    """``atlas.events`` with each payload reduced; events of which nothing is left are not in it."""
    kept = []
    for event in unpack_events(text, "", "", None).events:
        payload = _loads(event.payload)
        if isinstance(payload, dict) and (reduced := event_skeleton(event.name, payload)):
            kept.append(event._replace(payload=orjson.dumps(reduced).decode()))
    return pack_events(kept)


def _loads(text: str) -> JsonValue:
    try:
        tree: JsonValue = orjson.loads(text)
    except ValueError:
        return None
    return tree
