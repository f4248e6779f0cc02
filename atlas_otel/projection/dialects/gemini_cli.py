"""Gemini CLI's own traces: GenAI's names for operations of its own. Pure.

Names: @google/gemini-cli-core, telemetry/constants.ts and trace.ts (0.6x). Every span names the agent; messages are
Gemini's contents, of a tool's span its arguments and result. A value is cut at 10,000 characters, with a note of it.
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

NAME: Final = "gemini-cli"
_KINDS: Final[Mapping[str, Kind]] = {
    "llm_call": "llm",
    "tool_call": "tool",
    "user_prompt": "agent",
    "agent_call": "agent",
    "schedule_tool_calls": "function",
    "system_prompt": "function",
}


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span of Gemini CLI's; None for any other."""
    if span.scope != semconv.GEMINI_CLI_SCOPE:
        return None
    operation = reading.text(span.attributes, semconv.GEN_AI_OPERATION_NAME)
    kind = _KINDS.get(operation or "")
    return None if kind is None else genai.facts(span, kind, NAME)
