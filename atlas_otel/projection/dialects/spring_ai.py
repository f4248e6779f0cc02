"""Spring AI: the conventions' names for model calls, and ``spring.ai.*`` around them. Pure.

Names: its reference, "Observability" (1.x, 2.x). The chat client's span is one turn of an agent; advisors are
functions. What was said stands there only where ``gen_ai.prompt`` and ``gen_ai.completion`` are switched on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import genai, reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "spring-ai"
_KINDS: Final[Mapping[str, Kind]] = {"chat_client": "agent", "tool_call": "tool"}
"""``spring.ai.kind``; any other (advisor, vector_store) is a function."""


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries ``spring.ai.kind``; None for any other: a model call is the conventions'."""
    attributes = span.attributes
    said = reading.text(attributes, semconv.SPRING_KIND)
    if said is None:
        return None
    kind = _KINDS.get(said, "function")
    fields = genai.fields_of(span)
    for fact, key in (("conversation_id", semconv.SPRING_CONVERSATION), ("tool_name", semconv.SPRING_TOOL_NAME)):
        if (text := reading.text(attributes, key)) is not None:
            fields.setdefault(fact, text)
    for fact, key in (("input", semconv.SPRING_TOOL_ARGUMENTS), ("output", semconv.SPRING_TOOL_RESULT)):
        if (held := reading.as_json(attributes.get(key))) is not None:
            fields.setdefault(fact, held)
    return genai.named(span, fields, kind, NAME)
