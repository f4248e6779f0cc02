"""Vercel's AI SDK (4 to 6; the legacy spans of ``@ai-sdk/otel``): ``ai.*`` beside a few of GenAI's names. Pure.

``ai.generateText`` and its like are a whole run; ``ai.generateText.doGenerate`` (``….doStream``) is one model call in
it, ``ai.toolCall`` one tool's. The run repeats its calls' usage: it says nothing of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.calls.usage import read_usage
from atlas_otel.projection.dialects import calling, reading
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "vercel-ai"

_CALLS: Final = ("Text.do", "Object.do")
_RUNS: Final = ("ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject")
_TOOL: Final = "ai.toolCall"
_CONVERSATION: Final = (
    "sessionId",
    "session_id",
    "conversationId",
    "conversation_id",
    "threadId",
    "thread_id",
    "chatId",
)
_USER: Final = ("userId", "user_id")
_TABLE: Final[Table] = {
    semconv.VERCEL_MODEL: ("model", reading.as_text),
    semconv.VERCEL_PROVIDER: ("provider", reading.as_text),
    semconv.VERCEL_RESPONSE_ID: ("response_id", reading.as_text),
    semconv.VERCEL_TOOL_NAME: ("tool_name", reading.as_text),
    semconv.VERCEL_TOOL_ID: ("tool_call_id", reading.as_text),
    semconv.VERCEL_TOOL_ARGUMENTS: ("input", reading.as_json),
    semconv.VERCEL_FINISH_REASON: ("finish_reasons", reading.as_texts),
}


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries ``ai.operationId``; None for any other."""
    attributes = span.attributes
    operation = reading.text(attributes, semconv.VERCEL_OPERATION)
    if operation is None:
        return None
    fields = reading.collect(attributes, _TABLE, reading.COMMON, reading.FALLBACKS)
    fields["operation"] = operation
    _read_metadata(attributes, fields)
    kind = _kind(operation)
    if kind == "llm":
        _read_call(attributes, fields)
    elif kind == "agent":
        _read_run(attributes, fields)
    elif kind == "tool" and (result := attributes.get(semconv.VERCEL_TOOL_RESULT)) is not None:
        fields["output"] = _content(result)
    tool, name = fields.pop("tool_name", None), reading.text(attributes, semconv.VERCEL_FUNCTION)
    if kind == "agent" and name is not None:
        fields["agent_name"] = name
    names = {"llm": fields.get("model"), "tool": tool, "agent": name}
    return reading.finish(span, fields, kind, names.get(kind), NAME)


def _kind(operation: str) -> Kind:
    if any(part in operation for part in _CALLS):
        return "llm"
    if operation == _TOOL:
        return "tool"
    return "agent" if operation in _RUNS else "function"


def _read_call(attributes: Attributes, fields: dict[str, Any]) -> None:
    messages = attributes.get(semconv.VERCEL_MESSAGES, attributes.get(semconv.VERCEL_PROMPT))
    calling.read_request(fields, calling.opened(messages))
    if (tools := attributes.get(semconv.VERCEL_TOOLS)) is not None:
        listed = tools if isinstance(tools, (list, tuple)) else calling.opened(tools)
        fields["tool_definitions"] = JsonText(dump([calling.opened(one) for one in listed]))
    if (said := _answer(attributes)) is not None:
        fields["output_messages"] = JsonText(dump([said]))
    _read_usage(attributes, fields)


def _read_usage(attributes: Attributes, fields: dict[str, Any]) -> None:
    start = semconv.VERCEL_USAGE
    told = {key[len(start) :].rpartition(".")[2]: value for key, value in attributes.items() if key.startswith(start)}
    told.setdefault("cachedInputTokens", told.pop("cacheReadTokens", None))
    calling.put_usage(fields, read_usage(told))


def _answer(attributes: Attributes) -> dict[str, Any] | None:
    """What the model said: reasoning, text or object, tool calls."""
    text = attributes.get(semconv.VERCEL_TEXT, attributes.get(semconv.VERCEL_OBJECT))
    thought = attributes.get(semconv.VERCEL_REASONING)
    calls = calling.opened(attributes.get(semconv.VERCEL_TOOL_CALLS))
    listed = calls if isinstance(calls, list) else []
    parts: list[dict[str, Any]] = (
        [{"type": "reasoning", "content": thought}] if isinstance(thought, str) and thought else []
    )
    parts += [{"type": "text", "content": text}] if isinstance(text, str) and text else []
    for call in listed:
        if isinstance(call, dict):
            given = call.get("args", call.get("input"))
            parts.append(
                {"type": "tool_call", "id": call.get("toolCallId"), "name": call.get("toolName"), "arguments": given}
            )
    if not parts and not isinstance(text, str):
        return None
    return {"role": "assistant", "parts": parts}


def _read_run(attributes: Attributes, fields: dict[str, Any]) -> None:
    """``ai.prompt`` is ``{system, prompt, messages}``; the calls within say what they used."""
    for name in ("input_tokens", "output_tokens", "total_tokens", "cached_tokens", "reasoning_tokens"):
        fields.pop(name, None)
    prompt = calling.opened(attributes.get(semconv.VERCEL_PROMPT))
    if isinstance(prompt, dict):
        calling.read_request(fields, {key: prompt[key] for key in ("system", "prompt", "messages") if prompt.get(key)})
        fields.setdefault("input", JsonText(dump(prompt)))
    if (said := _answer(attributes)) is not None:
        fields["output_messages"] = JsonText(dump([said]))


def _read_metadata(attributes: Attributes, fields: dict[str, Any]) -> None:
    start = semconv.VERCEL_METADATA
    said: Mapping[str, Any] = {key[len(start) :]: value for key, value in attributes.items() if key.startswith(start)}
    if said:
        fields["metadata"] = JsonText(dump(said))
    for fact, names in (("conversation_id", _CONVERSATION), ("user_id", _USER)):
        named = next((said[name] for name in names if isinstance(said.get(name), str) and said[name]), None)
        if named is not None:
            fields.setdefault(fact, named)


def _content(value: object) -> JsonText:
    held = JsonText(value) if isinstance(value, str) else JsonText(dump(value))
    return held if held.valid else JsonText(dump(held.text))
