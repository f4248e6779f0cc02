"""What the span of a pushed step says, so that Jaeger and the projection read it like a decorated one's. Pure.

Works on payloads as JSON objects (contract §1), normalised already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel import semconv
from atlas_otel.calls.answers import read_answer
from atlas_otel.calls.attributes import USAGE
from atlas_otel.calls.describing import describe_answer, describe_request
from atlas_otel.calls.messages import is_message
from atlas_otel.calls.tools import read_tools
from atlas_otel.calls.usage import read_usage
from atlas_otel.calls.writing import write_tools
from atlas_otel.models.plan import step_number
from atlas_otel.records.json_text import dump
from atlas_otel.tracing import state
from atlas_otel.tracing.span_names import span_name, step_name

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.records.record import AttributeValue
    from atlas_otel.semconv import Kind

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
_NO_TEXTS: Final[Mapping[str, str]] = MappingProxyType({})


class Opening(NamedTuple):
    """How a step's span begins."""

    kind: Kind
    name: str
    attributes: dict[str, AttributeValue]


class _Given(NamedTuple):
    """What stands in a field of a payload's ``data``, and that as JSON text (nothing: "")."""

    value: JsonValue
    text: str


_NOTHING: Final = _Given(None, "")


class Closing(NamedTuple):
    """How a step's span ends; ``error`` is (type, message)."""

    attributes: dict[str, AttributeValue]
    error: tuple[str, str] | None


def time_of(seconds: float) -> int:
    """Unix seconds as the nanoseconds of a span: within what 64 bits hold, never negative."""
    return int(min(max(seconds, 0.0), _SECONDS_MAX) * 1e9)


def opening(payload: JsonObject, *, outermost: bool, texts: Mapping[str, str] = _NO_TEXTS) -> Opening:
    """The span of a START. ``outermost``: nothing encloses it, so that a WORKFLOW is the session itself. ``texts``: the
    fields of its ``data`` as JSON, where that was made already."""
    category = text(payload.get("event_type")).partition("_")[0]
    name = text(payload.get("name"))
    given = _given(payload, "input", texts)
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
    shown = _DESCRIBE.get(kind, _describe_other)(name or category.lower(), given, payload, attributes)
    return Opening(kind, shown, attributes)


def closing(kind: str, payload: JsonObject, texts: Mapping[str, str] = _NO_TEXTS) -> Closing:
    """What an END adds to the span of a step of this kind. ``texts``: as of :func:`opening`."""
    output = _given(payload, "output", texts)
    attributes: dict[str, AttributeValue] = {}
    if output.value is not None:
        key = semconv.GEN_AI_TOOL_CALL_RESULT if kind == "tool" else semconv.ATLAS_OUTPUT
        attributes[key] = output.text
    if kind == "llm":
        _describe_answer(output.value, payload, attributes)
    return Closing(attributes, _error(output.value, payload))


def _given(payload: JsonObject, name: str, texts: Mapping[str, str]) -> _Given:
    data = payload.get("data")
    value = data.get(name) if isinstance(data, dict) else None
    return _Given(value, "" if value is None else texts.get(name) or dump(value))


def text(value: JsonValue) -> str:
    """``value`` where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def _describe_other(name: str, given: _Given, payload: JsonObject, attributes: dict[str, AttributeValue]) -> str:
    _keep_input(given, attributes)
    return name


def _describe_session(name: str, given: _Given, payload: JsonObject, attributes: dict[str, AttributeValue]) -> str:
    task = given.value.get("task") if isinstance(given.value, Mapping) else given.value
    if isinstance(task, str):
        attributes[semconv.ATLAS_TASK] = task
    _keep_input(given, attributes)
    return span_name("agent", name, attributes)


def _describe_agent(name: str, given: _Given, payload: JsonObject, attributes: dict[str, AttributeValue]) -> str:
    _keep_input(given, attributes)
    return span_name("agent", name, attributes)


def _describe_step(name: str, given: _Given, payload: JsonObject, attributes: dict[str, AttributeValue]) -> str:
    """``step_<id>`` with ``{step, context, guidance, attempt}`` (contract §5)."""
    _keep_input(given, attributes)
    held = given.value if isinstance(given.value, Mapping) else {}
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
    shown = description if state.current().step_descriptions else None
    return step_name(step_id, shown, attempt or 1)


def _describe_tool(name: str, given: _Given, payload: JsonObject, attributes: dict[str, AttributeValue]) -> str:
    if given.value is not None:
        attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = given.text
    return span_name("tool", name, attributes)


def _describe_llm(name: str, given: _Given, payload: JsonObject, attributes: dict[str, AttributeValue]) -> str:
    attributes[semconv.GEN_AI_REQUEST_MODEL] = name
    metadata = payload.get("metadata")
    held = metadata if isinstance(metadata, dict) else {}
    value, rest = given.value, given
    arguments = value if isinstance(value, dict) and not is_message(value) else {"messages": value}
    asked = describe_request(arguments)
    if semconv.GEN_AI_INPUT_MESSAGES in asked.structures:
        others = dict(asked.rest)
        rest = _Given(others, dump(others)) if others else _NOTHING
    else:
        asked = describe_request({"messages": held.get("chat_inputs")})
    structures = {**asked.structures}
    if tools := read_tools(held.get("tools_schema")):
        structures.setdefault(semconv.GEN_AI_TOOL_DEFINITIONS, write_tools(tools))
    for key, structure in structures.items():
        attributes[key] = dump(structure)
    _keep_input(rest, attributes)
    return span_name("llm", name, attributes)


_DESCRIBE: Final = {
    "session": _describe_session,
    "agent": _describe_agent,
    "step": _describe_step,
    "tool": _describe_tool,
    "llm": _describe_llm,
}


def _describe_answer(output: JsonValue, payload: JsonObject, attributes: dict[str, AttributeValue]) -> None:
    said = describe_answer(read_answer(output))
    for key, structure in said.structures.items():
        attributes[key] = dump(structure)
    attributes.update(said.facts)
    counted = read_usage(payload.get("usage_info"))
    if counted is not None:
        given = ((key, getattr(counted, field)) for field, key in USAGE.items())
        attributes.update({key: count for key, count in given if count is not None})


def _keep_input(given: _Given, attributes: dict[str, AttributeValue]) -> None:
    if given.value is not None:
        attributes[semconv.ATLAS_INPUT] = given.text


def _error(output: JsonValue, payload: JsonObject) -> tuple[str, str] | None:
    """An END says that its step failed by ``{"error": …}`` as its output, or in its metadata."""
    metadata = payload.get("metadata")
    for held in (output, metadata):
        if isinstance(held, dict) and "output" not in held:
            said = held.get("error")
            if isinstance(said, Mapping):
                return text(said.get("type")) or "error", text(said.get("message"))
            if said:
                return "error", said if isinstance(said, str) else dump(said)
    return None
