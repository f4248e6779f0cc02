"""pydantic-ai: the GenAI conventions, and beside them the agent's messages and result, and its older forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.calls.messages import read_messages
from atlas_otel.calls.tools import read_tools
from atlas_otel.calls.writing import write_messages, write_tools
from atlas_otel.projection.dialects import genai, genai_events, reading
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord

NAME: Final = "pydantic-ai"


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span of pydantic-ai's own instrumentation; None for any other."""
    if span.scope != semconv.PYDANTIC_AI_SCOPE:
        return None
    facts = genai.read(span)
    if facts is None:
        return None
    attributes = span.attributes
    if facts.kind == "tool":
        # Before version 3 of its format.
        return facts._replace(
            dialect=NAME,
            input=facts.input or reading.as_json(attributes.get(semconv.PYDANTIC_AI_TOOL_ARGUMENTS)),
            output=facts.output or reading.as_json(attributes.get(semconv.PYDANTIC_AI_TOOL_RESPONSE)),
        )
    if facts.kind == "agent":
        said = reading.as_json(attributes.get(semconv.PYDANTIC_AI_MESSAGES))
        said = said or _from_events(attributes.get(semconv.PYDANTIC_AI_AGENT_EVENTS)).get("input_messages")
        return facts._replace(
            dialect=NAME,
            # What its calls used together is no use of its own: they say it themselves.
            usage=None,
            input_messages=facts.input_messages or _given(said),
            output=facts.output or reading.as_json(attributes.get(semconv.PYDANTIC_AI_RESULT)),
        )
    held = _from_events(attributes.get(semconv.PYDANTIC_AI_EVENTS))
    offered = read_tools(attributes.get(semconv.PYDANTIC_AI_REQUEST_PARAMETERS))
    return facts._replace(
        dialect=NAME,
        input_messages=facts.input_messages or held.get("input_messages"),
        output_messages=facts.output_messages or held.get("output_messages"),
        tool_definitions=facts.tool_definitions or (JsonText(dump(write_tools(offered))) if offered else None),
    )


def _given(messages: JsonText | None) -> JsonText | None:
    """Of a run's messages, those that it was given: all before the model's first since the last thing a user said."""
    read = list(read_messages(messages).items) if messages is not None else []
    turn = next((at for at in reversed(range(len(read))) if read[at].role == "user" and read[at].text), None)
    if turn is None:
        return None
    return JsonText(dump(write_messages(read[: turn + 1])))


def _from_events(value: object) -> dict[str, JsonText]:
    """Versions 1 of its format: the conventions' events as one JSON list."""
    events = JsonText(value).value if isinstance(value, str) else None
    if not isinstance(events, list):
        return {}
    bodies = [one for one in events if isinstance(one, Mapping)]
    found = genai_events.from_bodies((one.get(semconv.PYDANTIC_AI_EVENT_NAME), one) for one in bodies)
    return {fact: JsonText(dump(write_messages(read_messages(text).items))) for fact, text in found.items()}
