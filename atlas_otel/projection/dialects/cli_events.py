"""Events that command-line agents send as log records under no span: Claude Code, OpenAI Codex CLI, Gemini CLI. Pure.

``otlp.agent_logs`` makes a span of each, with the attributes as they came. Names: Claude Code's documentation,
"Monitoring", and its package 2.1; codex-rs/otel of openai/codex; @google/gemini-cli-core 0.61, telemetry/types.ts.
Without the switch that lets content out, prompts and results are missing or say so; then there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import calling, genai_events, reading
from atlas_otel.projection.facts import Failure
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind

_AGENTS: Final = {"claude_code": "claude-code", "codex": "codex", "gemini_cli": "gemini-cli"}
"""How names of events begin, and whose they are; the latter is the dialect's name too."""
_SCOPES: Final = ((semconv.CLAUDE_CODE_SCOPE, "claude_code."), (semconv.GEMINI_CLI_SCOPE, "gemini_cli."))
TURNS: Final = (semconv.CLAUDE_CODE_PROMPT_ID, semconv.GEMINI_CLI_PROMPT_ID)
"""What names one prompt of a conversation and all that follows from it."""
_KINDS: Final[Mapping[str, Kind]] = {
    "claude_code.user_prompt": "agent",
    "claude_code.api_request": "llm",
    "claude_code.api_error": "llm",
    "claude_code.tool_result": "tool",
    "codex.conversation_starts": "agent",
    "codex.user_prompt": "agent",
    "codex.sse_event": "llm",
    "codex.tool_result": "tool",
    "gemini_cli.user_prompt": "agent",
    "gemini_cli.api_response": "llm",
    "gemini_cli.api_error": "llm",
    "gemini_cli.tool_call": "tool",
}
"""Any other is a function."""
_ARGUMENTS: Final = (
    semconv.CODEX_ARGUMENTS,
    semconv.GEMINI_CLI_ARGUMENTS,
    semconv.CLAUDE_CODE_TOOL_INPUT,
    semconv.CLAUDE_CODE_TOOL_PARAMETERS,
)
_REDACTED: Final = frozenset({"<REDACTED>", "[REDACTED]", ""})
_COMPLETED: Final = "response.completed"
_TABLE: Final[Table] = {
    semconv.CLI_MODEL: ("model", reading.as_text),
    semconv.SESSION_ID: ("conversation_id", reading.as_text),
    semconv.CODEX_CONVERSATION: ("conversation_id", reading.as_text),
    semconv.CLI_TOOL: ("tool_name", reading.as_text),
    semconv.CLI_FUNCTION: ("tool_name", reading.as_text),
    semconv.CLI_CALL_ID: ("tool_call_id", reading.as_text),
    semconv.CLI_TOOL_USE_ID: ("tool_call_id", reading.as_text),
    semconv.CLI_REQUEST_ID: ("response_id", reading.as_text),
    semconv.CLI_INPUT_TOKENS: ("input_tokens", reading.as_number),
    semconv.CLI_OUTPUT_TOKENS: ("output_tokens", reading.as_number),
    semconv.CLI_CACHE_READ: ("cached_tokens", reading.as_number),
    semconv.CLI_CACHE_CREATION: ("cache_write_tokens", reading.as_number),
    semconv.CLI_INPUT_COUNT: ("input_tokens", reading.as_number),
    semconv.CLI_OUTPUT_COUNT: ("output_tokens", reading.as_number),
    semconv.CLI_TOTAL_COUNT: ("total_tokens", reading.as_number),
    semconv.CODEX_TOTAL_COUNT: ("total_tokens", reading.as_number),
    semconv.CLI_CACHE_WRITE_COUNT: ("cache_write_tokens", reading.as_number),
    semconv.CLI_CACHED_COUNT: ("cached_tokens", reading.as_number),
    semconv.GEMINI_CLI_CACHED_COUNT: ("cached_tokens", reading.as_number),
    semconv.CLI_REASONING_COUNT: ("reasoning_tokens", reading.as_number),
    semconv.GEMINI_CLI_THOUGHTS_COUNT: ("reasoning_tokens", reading.as_number),
    semconv.CLI_FINISH_REASONS: ("finish_reasons", reading.as_texts),
}


def event_name(name: str, body: object, scope: str, said: Mapping[str, object]) -> str:
    """The event's whole name: some stand in the body or among the attributes, and before the scope's own beginning."""
    for other in (body, said.get(semconv.LOG_EVENT_NAME)):
        if not is_event(name) and isinstance(other, str) and is_event(other):
            return other
    for begins_with, prefix in _SCOPES:
        if scope.startswith(begins_with) and name and "." not in name:
            return prefix + name
    return name


def is_event(name: str) -> bool:
    """Whether an agent's events are named so."""
    head, dot, rest = name.partition(".")
    return bool(dot and rest) and head in _AGENTS


def is_beside_spans(name: str) -> bool:
    """Whether these events alone tell what happened, also where they stand under spans: Codex's spans are of what goes
    on inside of it, and its model calls' events are under none of them."""
    return name.startswith("codex.")


def begins(name: str, *, has_turn: bool) -> bool:
    """Whether this event begins what is one trace."""
    return name == "codex.conversation_starts" or (has_turn and name.endswith(".user_prompt") and is_event(name))


def request_of(name: str, said: Mapping[str, object]) -> str | None:
    """The id of the request that an event of Claude Code's is the call of."""
    held = said.get(semconv.CLI_REQUEST_ID) if name == "claude_code.api_request" else None
    return held if isinstance(held, str) and held else None


def answer(name: str, said: Mapping[str, object]) -> tuple[str, dict[str, Any]] | None:
    """Of an event that is the answer to a request: the request's id, and the answer as a message."""
    request, message = said.get(semconv.CLI_REQUEST_ID), answer_text(name, said)
    return (request, message) if message is not None and isinstance(request, str) and request else None


def answer_text(name: str, said: Mapping[str, object]) -> dict[str, Any] | None:
    """Of an event that is an answer: it as a message."""
    text = said.get(semconv.CLAUDE_CODE_RESPONSE)
    if name != "claude_code.assistant_response" or not isinstance(text, str) or text in _REDACTED:
        return None
    return {"role": "assistant", "parts": [{"type": "text", "content": text}]}


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that was such an event; None for any other."""
    name = reading.text(span.attributes, semconv.LOG_EVENT_NAME)
    if name is None or name != span.name or not is_event(name):
        return None
    agent = _AGENTS[name.partition(".")[0]]
    kind = _KINDS.get(name, "function")
    if name == "codex.sse_event" and not (
        span.attributes.get(semconv.CODEX_EVENT_KIND) == _COMPLETED and semconv.CLI_INPUT_COUNT in span.attributes
    ):
        kind = "function"  # of a completed answer there are two, and one says what it took
    fields = reading.collect(span.attributes, _TABLE, reading.COMMON, reading.FALLBACKS)
    fields["operation"] = name
    tool = fields.pop("tool_name", None)
    if kind == "agent":
        fields["agent_name"] = agent
        if (task := _content(span.attributes, semconv.CLI_PROMPT)) is not None:
            fields["task"] = task
    elif kind == "llm":
        fields.update(genai_events.messages(span))
        _read_call(span.attributes, fields, beside=agent == "claude-code")
    elif kind == "tool":
        _read_tool(span.attributes, fields)
    names = {"llm": fields.get("model"), "tool": tool, "agent": agent}
    facts = reading.finish(span, fields, kind, names.get(kind), agent)
    failed = _failure(span.attributes)
    return facts if failed is None else facts._replace(error=failed)


def _content(attributes: Attributes, key: str) -> str | None:
    held = reading.text(attributes, key)
    return None if held in _REDACTED else held


def _read_call(attributes: Attributes, fields: dict[str, Any], *, beside: bool) -> None:
    if beside and "input_tokens" in fields:
        fields["input_tokens"] += (fields.get("cached_tokens") or 0) + (fields.get("cache_write_tokens") or 0)
    if (said := _content(attributes, semconv.GEMINI_CLI_RESPONSE)) is not None:
        held = calling.opened(said)
        counts = {key: fields[key] for key in fields if key.endswith("_tokens")}
        if not calling.read_response(fields, held):
            fields["output_messages"] = JsonText(dump([{"role": "assistant", "content": said}]))
        fields.update(counts)


def _read_tool(attributes: Attributes, fields: dict[str, Any]) -> None:
    for key in _ARGUMENTS:
        if (given := _content(attributes, key)) is not None:
            fields["input"] = calling.text_or_json(given)
            break
    if (said := reading.as_any_text(attributes.get(semconv.CODEX_OUTPUT))) is not None:
        fields["output"] = calling.text_or_json(said)


def _failure(attributes: Attributes) -> Failure | None:
    """What went wrong, where the event says so."""
    success = attributes.get(semconv.CLI_SUCCESS)
    message = next(
        (
            text
            for key in (semconv.CLI_ERROR, semconv.CLI_ERROR_MESSAGE)
            if (text := reading.text(attributes, key)) is not None
        ),
        None,
    )
    if message is None and success not in (False, "false"):
        return None
    kind = next(
        (
            text
            for key in (semconv.ERROR_TYPE, semconv.CLI_ERROR_TYPE)
            if (text := reading.text(attributes, key)) is not None
        ),
        "error",
    )
    return Failure(kind, message or reading.text(attributes, semconv.CODEX_OUTPUT) or "", "")
