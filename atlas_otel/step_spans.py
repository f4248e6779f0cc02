"""What the span of a pushed step says, so that Jaeger and the projection read it like a decorated one's. Pure.

Works on payloads as JSON objects (contract §1), normalised already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel import chat, semconv
from atlas_otel.json_text import dump
from atlas_otel.models.plan import step_number

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.semconv import Kind
    from atlas_otel.span_record import AttributeValue

_INTERNAL: Final = 1
_CLIENT: Final = 3
_SECONDS_MAX: Final = 9.2e9
_STEP_NAME: Final = re.compile(r"step_(\d{1,10})\Z", re.ASCII)
_KIND: Final[Mapping[str, Kind]] = {
    "TASK": "step",
    "TOOL": "tool",
    "LLM": "llm",
    "FUNCTION": "function",
    "CUSTOM": "custom",
    "SPAN": "function",
}


class Opening(NamedTuple):
    """How a step's span begins. ``span_kind`` is OTLP's number."""

    kind: Kind
    name: str
    span_kind: int
    attributes: dict[str, AttributeValue]


class Closing(NamedTuple):
    """How a step's span ends; ``error`` is (type, message)."""

    attributes: dict[str, AttributeValue]
    error: tuple[str, str] | None


def time_of(seconds: float) -> int:
    """Unix seconds as the nanoseconds of a span: within what 64 bits hold, never negative."""
    return int(min(max(seconds, 0.0), _SECONDS_MAX) * 1e9)


def opening(payload: JsonObject, *, outermost: bool) -> Opening:
    """The span of a START. ``outermost``: nothing encloses it, so that a WORKFLOW is the session itself."""
    category = text(payload.get("event_type")).partition("_")[0]
    name = text(payload.get("name"))
    given = field_of(payload, "input")
    attributes: dict[str, AttributeValue] = {semconv.ATLAS_PUSHED_UUID: text(payload.get("UUID"))}
    if name:
        attributes[semconv.ATLAS_NAME] = name
    tags = payload.get("tags")
    if isinstance(tags, list) and tags:
        attributes[semconv.ATLAS_TAGS] = [text(tag) for tag in tags]
    metadata = payload.get("metadata")
    if isinstance(metadata, dict) and any(value not in (None, []) for value in metadata.values()):
        attributes[semconv.ATLAS_METADATA] = dump(metadata)
    if category == "WORKFLOW":
        kind: Kind = "session" if outermost else "agent"
    else:
        kind = _KIND.get(category, "custom")
    attributes[semconv.ATLAS_KIND] = kind
    shown, span_kind = _DESCRIBE.get(kind, _describe_other)(name or category.lower(), given, payload, attributes)
    return Opening(kind, shown, span_kind, attributes)


def closing(kind: str, payload: JsonObject) -> Closing:
    """What an END adds to the span of a step of this kind."""
    output = field_of(payload, "output")
    attributes: dict[str, AttributeValue] = {}
    if output is not None:
        key = semconv.GEN_AI_TOOL_CALL_RESULT if kind == "tool" else semconv.ATLAS_OUTPUT
        attributes[key] = dump(output)
    if kind == "llm":
        _describe_answer(output, payload, attributes)
    return Closing(attributes, _error(output, payload))


def field_of(payload: JsonObject, name: str) -> JsonValue:
    """A field of the payload's ``data``."""
    data = payload.get("data")
    return data.get(name) if isinstance(data, dict) else None


def text(value: JsonValue) -> str:
    """``value`` where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def _describe_other(
    name: str, given: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]
) -> tuple[str, int]:
    _keep_input(given, attributes)
    return name, _INTERNAL


def _describe_session(
    name: str, given: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]
) -> tuple[str, int]:
    attributes[semconv.GEN_AI_OPERATION_NAME] = semconv.OPERATION_INVOKE_AGENT
    attributes[semconv.GEN_AI_AGENT_NAME] = name
    task = given.get("task") if isinstance(given, Mapping) else given
    if isinstance(task, str):
        attributes[semconv.ATLAS_TASK] = task
    _keep_input(given, attributes)
    return f"{semconv.OPERATION_INVOKE_AGENT} {name}", _INTERNAL


def _describe_agent(
    name: str, given: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]
) -> tuple[str, int]:
    attributes[semconv.GEN_AI_OPERATION_NAME] = semconv.OPERATION_INVOKE_AGENT
    attributes[semconv.GEN_AI_AGENT_NAME] = name
    _keep_input(given, attributes)
    return f"{semconv.OPERATION_INVOKE_AGENT} {name}", _INTERNAL


def _describe_step(
    name: str, given: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]
) -> tuple[str, int]:
    """``step_<id>`` with ``{step, context, guidance, attempt}`` (contract §5)."""
    _keep_input(given, attributes)
    held = given if isinstance(given, Mapping) else {}
    planned = held.get("step")
    described = planned if isinstance(planned, Mapping) else {}
    numbered = _STEP_NAME.match(name)
    step_id = step_number(numbered[1] if numbered else described.get("id"))
    attempt = step_number(held.get("attempt"), least=1)
    description = text(described.get("description")) or ("" if numbered else name)
    if step_id is not None:
        attributes[semconv.ATLAS_STEP_ID] = step_id
    if attempt is not None:
        attributes[semconv.ATLAS_STEP_ATTEMPT] = attempt
    attributes[semconv.ATLAS_STEP_DESCRIPTION] = description
    return (f"step {step_id}: {description}" if step_id is not None else f"step: {description}"), _INTERNAL


def _describe_tool(
    name: str, given: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]
) -> tuple[str, int]:
    attributes[semconv.GEN_AI_OPERATION_NAME] = semconv.OPERATION_EXECUTE_TOOL
    attributes[semconv.GEN_AI_TOOL_NAME] = name
    if given is not None:
        attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = dump(given)
    return f"{semconv.OPERATION_EXECUTE_TOOL} {name}", _INTERNAL


def _describe_llm(
    name: str, given: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]
) -> tuple[str, int]:
    attributes[semconv.GEN_AI_OPERATION_NAME] = semconv.OPERATION_CHAT
    attributes[semconv.GEN_AI_REQUEST_MODEL] = name
    metadata = payload.get("metadata")
    chat_inputs = metadata.get("chat_inputs") if isinstance(metadata, dict) else None
    rest: JsonValue = given
    messages: object = chat_inputs
    if chat.is_messages(given):
        messages, rest = given, None
    elif isinstance(given, Mapping) and chat.is_messages(given.get("messages")):
        messages = given["messages"]
        rest = {key: value for key, value in given.items() if key != "messages"} or None
    if chat.is_messages(messages):
        attributes[semconv.GEN_AI_INPUT_MESSAGES] = dump(chat.to_convention(messages))
    _keep_input(rest, attributes)
    return f"{semconv.OPERATION_CHAT} {name}", _CLIENT


_DESCRIBE: Final = {
    "session": _describe_session,
    "agent": _describe_agent,
    "step": _describe_step,
    "tool": _describe_tool,
    "llm": _describe_llm,
}


def _describe_answer(output: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]) -> None:
    answer = chat.read_answer(output)
    if answer.messages:
        attributes[semconv.GEN_AI_OUTPUT_MESSAGES] = dump(answer.messages)
    if answer.model is not None:
        attributes[semconv.GEN_AI_RESPONSE_MODEL] = answer.model
    if answer.finish_reasons:
        attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = answer.finish_reasons
    used = payload.get("usage_info")
    usage = used if isinstance(used, dict) else {}
    for key, name, read in (
        (semconv.GEN_AI_USAGE_INPUT_TOKENS, "prompt_tokens", answer.input_tokens),
        (semconv.GEN_AI_USAGE_OUTPUT_TOKENS, "completion_tokens", answer.output_tokens),
        (semconv.GEN_AI_USAGE_TOTAL_TOKENS, "total_tokens", None),
    ):
        said = usage.get(name)
        tokens = said if isinstance(said, int) and not isinstance(said, bool) else read
        if tokens is not None:
            attributes[key] = tokens


def _keep_input(given: JsonValue, attributes: dict[str, AttributeValue]) -> None:
    if given is not None:
        attributes[semconv.ATLAS_INPUT] = dump(given)


def _error(output: JsonValue, payload: JsonObject) -> tuple[str, str] | None:
    """An END says that its step failed by ``{"error": …}`` as its output, or in its metadata."""
    metadata = payload.get("metadata")
    for held in (output, metadata):
        if isinstance(held, Mapping) and "output" not in held:
            said = held.get("error")
            if isinstance(said, Mapping):
                return text(said.get("type")) or "error", text(said.get("message"))
            if said:
                return "error", said if isinstance(said, str) else dump(said)
    return None
