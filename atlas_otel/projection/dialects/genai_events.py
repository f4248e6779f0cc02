"""Messages that stand in events on a model call's span, or in log records beside it: the forms of the GenAI conventions
before messages became attributes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects.calling import opened, opened_parts
from atlas_otel.records.json_text import JsonText, dump
from atlas_otel.records.record import SpanEvent

if TYPE_CHECKING:
    from atlas_otel.records.record import EventRecord, SpanRecord

_DETAILS: Final = (
    (semconv.EVENT_GEN_AI_PROMPT, "input_messages", semconv.GEN_AI_PROMPT),
    (semconv.EVENT_GEN_AI_COMPLETION, "output_messages", semconv.GEN_AI_COMPLETION),
    (semconv.EVENT_GEN_AI_DETAILS, "input_messages", semconv.GEN_AI_INPUT_MESSAGES),
    (semconv.EVENT_GEN_AI_DETAILS, "output_messages", semconv.GEN_AI_OUTPUT_MESSAGES),
    (semconv.EVENT_GEN_AI_DETAILS, "system_instructions", semconv.GEN_AI_SYSTEM_INSTRUCTIONS),
    (semconv.EVENT_GEN_AI_DETAILS, "tool_definitions", semconv.GEN_AI_TOOL_DEFINITIONS),
)
_MESSAGE_EVENTS: Final = frozenset(
    {
        semconv.EVENT_GEN_AI_CHOICE,
        semconv.EVENT_GEN_AI_PROMPT,
        semconv.EVENT_GEN_AI_COMPLETION,
        semconv.EVENT_GEN_AI_DETAILS,
    }
)
_PARTLY: Final = frozenset(
    {"role", "content", "tool_calls", "id", "tool_call_id", "name", "refusal", "reasoning_content"}
)
"""What of an event's attributes belongs to its message."""


def messages(span: SpanRecord) -> dict[str, JsonText]:
    """``input_messages``, ``output_messages`` and the like, as far as events of ``span`` hold them."""
    if not span.events:
        return {}
    found: dict[str, JsonText] = {}
    for event in span.events:
        for name, fact, key in _DETAILS:
            if event.name == name and (held := event.attributes.get(key)) is not None:
                found[fact] = JsonText(held) if isinstance(held, str) else JsonText(dump(held))
    for fact, text in from_bodies((event.name, event.attributes) for event in span.events).items():
        found.setdefault(fact, text)
    return found


def is_message_event(name: str) -> bool:
    """Whether an event holds what was said in a model call."""
    if not name.startswith(semconv.GEN_AI_PREFIX):
        return False
    return name.endswith(semconv.EVENT_GEN_AI_MESSAGE_SUFFIX) or name in _MESSAGE_EVENTS


def with_events(span: SpanRecord, events: Iterable[EventRecord]) -> SpanRecord:
    """``span`` with the message events that came apart from it, as log records, in the order of time."""
    said = []
    for event in sorted(events, key=lambda event: event.sequence):
        body = JsonText(event.payload).value
        if isinstance(body, dict):
            said.append(SpanEvent(event.name, event.sequence, body))
    return span._replace(events=(*span.events, *said))


def from_bodies(events: Iterable[tuple[object, Mapping[str, Any]]]) -> dict[str, JsonText]:
    """The same from (name, body) pairs: ``gen_ai.<role>.message`` and ``gen_ai.choice``."""
    inputs, outputs = [], []
    for name, body in events:
        if not isinstance(name, str):
            continue
        if name == semconv.EVENT_GEN_AI_CHOICE:
            if (said := _choice(_whole(body))) is not None:
                outputs.append(said)
        elif name.startswith(semconv.GEN_AI_PREFIX) and name.endswith(semconv.EVENT_GEN_AI_MESSAGE_SUFFIX):
            role = name[len(semconv.GEN_AI_PREFIX) : -len(semconv.EVENT_GEN_AI_MESSAGE_SUFFIX)]
            inputs.append(_message(_whole(body), role))
    both = {"input_messages": inputs, "output_messages": outputs}
    return {fact: JsonText(dump(said)) for fact, said in both.items() if said}


def _whole(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body with what Azure's SDKs put into one attribute."""
    held = opened(body.get(semconv.GEN_AI_EVENT_CONTENT))
    return {**body, **held} if isinstance(held, Mapping) else body


def _choice(body: Mapping[str, Any]) -> dict[str, Any] | None:
    held = opened_parts(body.get("message", body))
    held = opened(held) if isinstance(held, str) else held
    if isinstance(held, Mapping):
        said = _message(held, "assistant")
    elif held is None or held == "":
        return None
    else:
        said = {"role": "assistant", "content": held}
    if isinstance(calls := opened(body.get("tool_calls")), list):
        said.setdefault("tool_calls", calls)
    reason = body.get("finish_reason")
    return {**said, **({"finish_reason": reason} if isinstance(reason, str) else {})}


def _is_result(part: object) -> bool:
    return isinstance(part, Mapping) and (
        isinstance(part.get("toolResult"), Mapping) or part.get("type") == "tool_result"
    )


def _message(body: Mapping[str, Any], role: str) -> dict[str, Any]:
    """A message that an event holds; its content or its calls may be JSON text."""
    if isinstance(body.get("parts"), list):
        return {"role": role, **body}
    said = {key: value for key, value in body.items() if key in _PARTLY and value is not None}
    said = {"role": role, **said, "content": opened_parts(body.get("content"))}
    if isinstance(said["content"], list) and any(_is_result(one) for one in said["content"]):
        said["role"] = "user"  # as providers have it whose results are blocks with ids of their own
    calls = opened(said.pop("tool_calls", None))
    if isinstance(calls, list):
        said["tool_calls"] = calls
    return said
