"""Claude Code's own traces (beta): ``claude_code.interaction``, ``.llm_request``, ``.tool``. Pure.

What it sends is described in its documentation, "Monitoring". An interaction is one prompt of the user's, and
``session.id`` goes on over all of them. A request shows what is new in its context, ``[USER]`` before the user's words,
and counts cached tokens beside its input, as Anthropic does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import calling, genai_events, reading
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "claude-code"
_AGENT: Final = "claude-code"
_KINDS: Final[Mapping[str, Kind]] = {"interaction": "agent", "llm_request": "llm", "tool": "tool"}
"""Any other (``tool.execution``, ``tool.blocked_on_user``, ``hook``) is a function."""
_TABLE: Final[Table] = {
    semconv.CLAUDE_CODE_MODEL: ("model", reading.as_text),
    semconv.CLAUDE_CODE_TOOL: ("tool_name", reading.as_text),
    semconv.CLAUDE_CODE_INPUT_TOKENS: ("input_tokens", reading.as_number),
    semconv.CLAUDE_CODE_OUTPUT_TOKENS: ("output_tokens", reading.as_number),
    semconv.CLAUDE_CODE_CACHE_READ: ("cached_tokens", reading.as_number),
    semconv.CLAUDE_CODE_CACHE_CREATION: ("cache_write_tokens", reading.as_number),
    semconv.CLAUDE_CODE_TOOL_USE_ID: ("tool_call_id", reading.as_text),
    semconv.CLAUDE_CODE_STOP_REASON: ("finish_reasons", reading.as_texts),
}
_SPEAKER: Final = re.compile(r"^\[(USER|ASSISTANT|TOOL RESULT[^\]\n]*)\]\n", re.MULTILINE)


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span of Claude Code's; None for any other."""
    said = reading.text(span.attributes, semconv.CLAUDE_CODE_TYPE)
    if said is None or not span.scope.startswith(semconv.CLAUDE_CODE_SCOPE):
        return None
    kind = _KINDS.get(said, "function")
    fields = reading.collect(span.attributes, _TABLE, reading.COMMON, reading.FALLBACKS)
    fields["operation"] = said
    if kind == "llm":
        _read_call(span, fields)
    elif kind == "tool":
        _read_tool(span, fields)
    elif kind == "agent":
        fields["agent_name"] = _AGENT
        if (task := reading.text(span.attributes, semconv.CLAUDE_CODE_PROMPT)) is not None:
            fields["task"] = task
        answers = [one for one in span.events if one.name == semconv.EVENT_GEN_AI_DETAILS]
        if answers:  # logs of its answers name this span; the last one answers the prompt
            fields.update(genai_events.messages(span._replace(events=(answers[-1],))))
    tool = fields.pop("tool_name", None)
    names = {"llm": fields.get("model"), "tool": tool, "agent": _AGENT}
    return reading.finish(span, fields, kind, names.get(kind), NAME)


def _read_call(span: SpanRecord, fields: dict[str, Any]) -> None:
    beside = (fields.get("cached_tokens") or 0) + (fields.get("cache_write_tokens") or 0)
    if "input_tokens" in fields:
        fields["input_tokens"] += beside
    if (context := reading.text(span.attributes, semconv.CLAUDE_CODE_CONTEXT)) is not None:
        fields["input_messages"] = JsonText(dump(_new_context(context)))
    if (said := reading.text(span.attributes, semconv.CLAUDE_CODE_OUTPUT)) is not None:
        fields["output_messages"] = JsonText(dump([{"role": "assistant", "content": said}]))


def _new_context(context: str) -> list[dict[str, Any]]:
    """What is new in a call's context, by who said it."""
    heads = list(_SPEAKER.finditer(context))
    if not heads or heads[0].start() > 0:
        return [{"role": "user", "content": context}]
    ends = [*(head.start() for head in heads[1:]), len(context)]
    found = []
    for head, end in zip(heads, ends, strict=True):
        speaker, _, call_id = head[1].partition(":")
        text = context[head.end() : end].rstrip("\n")
        role = {"USER": "user", "ASSISTANT": "assistant"}.get(speaker, "tool")
        told: dict[str, Any] = {"role": role, "content": text}
        if role == "tool":
            told["tool_call_id"] = call_id.strip() or speaker.removeprefix("TOOL RESULT").strip() or None
        found.append(told)
    return found


def _read_tool(span: SpanRecord, fields: dict[str, Any]) -> None:
    given = span.attributes.get(semconv.CLAUDE_CODE_TOOL_INPUT)
    command = reading.text(span.attributes, semconv.CLAUDE_CODE_TOOL_COMMAND)
    if isinstance(given, str):
        fields["input"] = JsonText(given)
    elif command is not None:
        fields["input"] = JsonText(dump({"command": command}))
    for event in span.events:
        if event.name == semconv.CLAUDE_CODE_TOOL_EVENT:
            said = event.attributes.get("output", event.attributes.get("content"))
            if said is not None:
                fields["output"] = calling.text_or_json(said) if isinstance(said, str) else JsonText(dump(said))
