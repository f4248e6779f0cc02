"""What instrumentations write, read as the same facts: one small pure file each.

A dialect is a module with ``read(span) -> Facts | None``: None where the span isn't its own. The first that answers
wins; a span that none knows is kept as a plain function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.projection.dialects import (
    adk,
    atlas,
    claude_code,
    cli_events,
    gemini_cli,
    genai,
    haystack,
    langfuse,
    litellm,
    logfire,
    mlflow,
    openinference,
    openllmetry,
    pydantic_ai,
    spring_ai,
    vercel_ai,
)
from atlas_otel.projection.unread import is_unread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord

DIALECTS: Final[Sequence[Callable[[SpanRecord], Facts | None]]] = (
    atlas.read,
    logfire.read,
    openinference.read,
    openllmetry.read,
    langfuse.read,
    litellm.read,
    mlflow.read,
    vercel_ai.read,
    adk.read,
    haystack.read,
    claude_code.read,
    cli_events.read,
    gemini_cli.read,
    spring_ai.read,
    pydantic_ai.read,
    genai.read,
)
"""In order: ours first, and the conventions last, since spans of the others may carry ``gen_ai.*`` too."""


def facts_of(span: SpanRecord) -> Facts:
    """What ``span`` says, in the first dialect that knows it."""
    for read in DIALECTS:
        facts = read(span)
        if facts is not None:
            return facts
    return genai.read_any(span)


def is_understood(span: SpanRecord) -> bool:
    """Whether a dialect knows ``span``, or nothing about it looks like a model call."""
    return not is_unread(span.attributes) or facts_of(span).dialect != genai.FALLBACK
