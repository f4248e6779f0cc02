"""Messages that stand in events on a model call's span, or in log records beside it: the forms of the GenAI conventions
before messages became attributes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects.conversation import as_messages, openai_message, opened
from atlas_otel.projection.dialects.reading import as_json
from atlas_otel.records.json_text import JsonText
from atlas_otel.records.record import SpanEvent

if TYPE_CHECKING:
    from atlas_otel.records.record import EventRecord, SpanRecord


def messages(span: SpanRecord) -> dict[str, JsonText]:
    """``input_messages`` and ``output_messages``, as far as events of ``span`` hold them."""
    if not span.events:
        return {}
    found: dict[str, JsonText] = {}
    for event in span.events:
        for name, fact, key in (
            (semconv.EVENT_GEN_AI_PROMPT, "input_messages", semconv.GEN_AI_PROMPT),
            (semconv.EVENT_GEN_AI_COMPLETION, "output_messages", semconv.GEN_AI_COMPLETION),
            (semconv.EVENT_GEN_AI_DETAILS, "input_messages", semconv.GEN_AI_INPUT_MESSAGES),
            (semconv.EVENT_GEN_AI_DETAILS, "output_messages", semconv.GEN_AI_OUTPUT_MESSAGES),
            (semconv.EVENT_GEN_AI_DETAILS, "system_instructions", semconv.GEN_AI_SYSTEM_INSTRUCTIONS),
        ):
            if event.name == name and (text := as_json(event.attributes.get(key))) is not None:
                found[fact] = text
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


_MESSAGE_EVENTS: Final = frozenset(
    {
        semconv.EVENT_GEN_AI_CHOICE,
        semconv.EVENT_GEN_AI_PROMPT,
        semconv.EVENT_GEN_AI_COMPLETION,
        semconv.EVENT_GEN_AI_DETAILS,
    }
)


def from_bodies(events: Iterable[tuple[object, Mapping[str, Any]]]) -> dict[str, JsonText]:
    """The same from (name, body) pairs: ``gen_ai.<role>.message`` and ``gen_ai.choice``."""
    inputs, outputs = [], []
    for name, body in events:
        if not isinstance(name, str):
            continue
        if name == semconv.EVENT_GEN_AI_CHOICE:
            held = opened(body.get("message", body))
            if isinstance(held, Mapping):
                outputs.append(openai_message({**held, "finish_reason": body.get("finish_reason")}, "assistant"))
        elif name.startswith(semconv.GEN_AI_PREFIX) and name.endswith(semconv.EVENT_GEN_AI_MESSAGE_SUFFIX):
            role = name[len(semconv.GEN_AI_PREFIX) : -len(semconv.EVENT_GEN_AI_MESSAGE_SUFFIX)]
            calls = opened(body.get("tool_calls"))
            inputs.append(openai_message({**body, "tool_calls": calls if isinstance(calls, list) else ()}, role))
    both = {"input_messages": as_messages(inputs), "output_messages": as_messages(outputs)}
    return {fact: text for fact, text in both.items() if text is not None}
