"""Google's Agent Development Kit: GenAI's names, and ``gcp.vertex.agent.*`` for what was said. Pure.

Names: google.adk.telemetry.tracing (1.x, 2.x). ``call_llm`` holds request and response as Gemini's JSON; ``{}`` where
content is off. A streamed answer is traced at each piece that counts: the last holds the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import calling, genai
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "google-adk"
_NOTHING: Final = ("{}", "N/A", "")
_MERGED: Final = "(merged tools)"


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span of ADK's; None for any other."""
    attributes = span.attributes
    if span.scope != semconv.ADK_SCOPE and not any(key.startswith(semconv.ADK_PREFIX) for key in attributes):
        return None
    kind = _kind(span)
    fields = genai.fields_of(span)
    fields.setdefault("operation", span.name.partition(" ")[0])
    if (session := attributes.get(semconv.ADK_SESSION)) and isinstance(session, str):
        fields.setdefault("conversation_id", session)
    if kind == "llm":
        calling.read_request(fields, _content(span, semconv.ADK_REQUEST))
        calling.read_response(fields, _content(span, semconv.ADK_RESPONSE))
    elif kind == "tool":
        for fact, key in (("input", semconv.ADK_TOOL_ARGUMENTS), ("output", semconv.ADK_TOOL_RESPONSE)):
            held = attributes.get(key)
            if isinstance(held, str) and (held not in _NOTHING or (fact == "input" and held == "{}")):
                fields.setdefault(fact, JsonText(held))
    return genai.named(span, fields, kind, NAME)


def _kind(span: SpanRecord) -> Kind:
    if span.attributes.get(semconv.GEN_AI_TOOL_NAME) == _MERGED:
        return "function"  # the answers of parallel tools put together: each is a span of its own
    if semconv.ADK_REQUEST in span.attributes and semconv.GEN_AI_TOOL_NAME not in span.attributes:
        return "llm"
    return genai.kind_of(span.attributes) or "function"


def _content(span: SpanRecord, key: str) -> Any:
    held = span.attributes.get(key)
    return JsonText(held).value if isinstance(held, str) and held not in _NOTHING else None
