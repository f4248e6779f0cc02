"""What happened in a step, as text that a person reads: one or two entries per span and note, put in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from atlas_otel import semconv
from atlas_otel.calls.model_call import joined
from atlas_otel.calls.parts import read_parts
from atlas_otel.events.adapter_event import AdapterNote
from atlas_otel.events.guidance import GuidanceNote
from atlas_otel.events.intermediate_step import PushedNote
from atlas_otel.events.validation import ValidationNote
from atlas_otel.projection.messages import messages_of, text_of, transcript_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from atlas_otel.events.note import Note
    from atlas_otel.models.json_types import JsonValue
    from atlas_otel.projection.node import Node
    from atlas_otel.records.json_text import JsonText


class Entry(NamedTuple):
    """A piece of a transcript, with its place in time. ``part`` puts a span's beginning before its end."""

    time_ns: int
    key: str
    part: int
    text: str


def span_entries(node: Node) -> list[Entry]:
    """A span's beginning and, once it is over, its end. A model call that is seen again adds nothing."""
    if node.seen_again:
        return []
    span = node.span
    key = f"{span.trace_id}:{span.span_id}"
    indent = "  " * node.depth
    entries = []
    if begin := "\n".join(_begin(node)):
        entries.append(Entry(span.start_ns, key, 0, _indented(begin, indent)))
    if span.end_ns is not None and (end := "\n".join(_end(node))):
        entries.append(Entry(span.end_ns, key, 1, _indented(end, indent)))
    return entries


def note_entries(notes: Iterable[Note], depth: int) -> list[Entry]:
    """Guidance, verdicts and what the adapter reported."""
    found = []
    for note in notes:
        if text := _note(note):
            found.append(Entry(note.order[0], note.order[1], 0, _indented(text, "  " * depth)))
    return found


def transcript(entries: Iterable[Entry]) -> str:
    """All entries in order of time, one below the other."""
    return "\n".join(entry.text for entry in sorted(entries))


def _begin(node: Node) -> Iterator[str]:
    facts = node.facts
    if node.role == "llm":
        yield f"model {facts.name}"
        yield from _new_messages(facts.input_messages, facts.system_instructions)
        if facts.input_messages is None and (given := _given(facts.input)):
            yield f"  input: {given}"
    elif node.role == "tool":
        yield f"tool {facts.name}({_given(facts.input)})"
    elif node.role in ("step", "session"):
        if given := _given(facts.input):
            yield f"input: {given}"
    elif node.role != "reward":
        given = _given(facts.input)
        yield f"{node.role} {facts.name}({given})"


def _end(node: Node) -> Iterator[str]:
    facts = node.facts
    broken = " (broken off)" if facts.stream_incomplete else ""
    if node.role == "llm":
        said = [line for message in messages_of(facts.output_messages) for line in transcript_lines(message)]
        if not said and facts.output is not None:
            said = [f"assistant: {facts.output.plain}"]
        yield from (f"  {line}{broken}" for line in said)
    elif node.role == "tool":
        if facts.output is not None and node.failure is None:
            yield f"  {facts.name} returned{broken}: {facts.output.plain}"
    elif node.role in ("function", "agent", "custom") and facts.output is not None and facts.output.text != "null":
        yield f"  {facts.name} returned{broken}: {facts.output.plain}"
    rejected = node.failure is not None and node.failure.type == semconv.ERROR_VALIDATION_FAILED  # its verdict says so
    if node.failure is not None and node.role != "reward" and not rejected:
        subject = "failed" if node.role in ("step", "session") else f"  {facts.name} failed"
        yield f"{subject}: {node.error_text}"


def _new_messages(messages: JsonText | None, instructions: JsonText | None) -> Iterator[str]:
    """What is new in a call's messages: all up to the model's last own turn was shown when it happened."""
    listed = messages_of(messages)
    last = max((i for i, message in enumerate(listed) if message.role == "assistant"), default=-1)
    if last >= 0:
        yield f"  ({last + 1} earlier messages)"
    elif instructions is not None:
        parts = instructions.value
        yield f"  system: {joined(read_parts(parts)) if isinstance(parts, list) else instructions.plain}"
    for message in listed[last + 1 :]:
        yield from (f"  {line}" for line in transcript_lines(message))
    if not listed and messages is not None:
        yield f"  input: {messages.plain}"


def _given(text: JsonText | None) -> str:
    if text is None or text.text.strip() in ("null", "{}"):
        return ""
    return text.plain


def _note(note: Note) -> str:
    if isinstance(note, GuidanceNote):
        return f"guidance: {note.note}"
    if isinstance(note, ValidationNote):
        verdict = "passed" if note.verdict.get("valid") else "failed"
        reason = text_of(note.verdict.get("reason", note.verdict.get("rationale")))
        return f"validation {verdict}: {reason}" if reason else f"validation {verdict}"
    if isinstance(note, AdapterNote):
        return f"event {note.name}: {text_of(note.content)}"
    if isinstance(note, PushedNote):
        return _pushed(note.text.value)
    return ""


def _pushed(step: JsonValue) -> str:
    """Of pushed steps, what an adapter reported: the others are spans, which speak for themselves."""
    payload = step.get("payload") if isinstance(step, dict) else None
    if not isinstance(payload, dict) or payload.get("event_type") != "ADAPTER_EVENT":
        return ""
    data: Mapping[str, JsonValue] = held if isinstance(held := payload.get("data"), dict) else {}
    return f"event {text_of(payload.get('name'))}: {text_of(data.get('output'))}"


def _indented(text: str, indent: str) -> str:
    return indent + text.replace("\n", "\n" + indent) if indent else text
