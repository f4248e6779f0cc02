"""Our own spans: what the decorators, context managers and pushed steps write, here or in another language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import reading
from atlas_otel.projection.dialects.atlas_calls import read_again

if TYPE_CHECKING:
    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord

NAME: Final = "atlas"
_KINDS: Final = frozenset(semconv.KINDS)

_OURS: Final[Table] = {
    **reading.COMMON,
    semconv.ATLAS_NAME: ("name", reading.as_text),
    semconv.ATLAS_TASK: ("task", reading.as_any_text),
    semconv.ATLAS_STEP_DESCRIPTION: ("step_description", reading.as_text),
    semconv.ATLAS_STREAM_CHUNKS: ("stream_chunks", reading.as_number),
    semconv.ATLAS_STREAM_INCOMPLETE: ("stream_incomplete", reading.as_true),
    semconv.ATLAS_PUSHED_UUID: ("pushed_uuid", reading.as_text),
}


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries ``atlas.kind``; None for any other."""
    kind = span.attributes.get(semconv.ATLAS_KIND, span.kind)
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    fields = reading.collect(span.attributes, _OURS, reading.FALLBACKS)
    name, tool = fields.pop("name", None), fields.pop("tool_name", None)
    if kind == "llm":
        read_again(fields)
        name = fields.get("model") or name
    elif kind == "tool":
        name = tool or name
    elif kind in ("session", "agent"):
        name = name or fields.get("agent_name")
    return reading.finish(span, fields, kind, name, NAME)
