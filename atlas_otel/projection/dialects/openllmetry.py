"""OpenLLMetry: the spans that Traceloop's decorators and framework instrumentations write around model calls.

Its model calls carry ``gen_ai.*`` and are read as such (:mod:`atlas_otel.projection.dialects.genai`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.projection.dialects import genai, reading
from atlas_otel.projection.dialects.indexed import mapping
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from atlas_otel.projection.dialects.reading import Table
    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import Attributes, SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "openllmetry"

_KINDS: Final[Mapping[str, Kind]] = {"workflow": "agent", "agent": "agent", "tool": "tool"}
"""Any other (task, …) is a function."""

_TABLE: Final[Table] = {
    semconv.TRACELOOP_ENTITY_NAME: ("entity_name", reading.as_text),
    semconv.TRACELOOP_ENTITY_INPUT: ("input", reading.as_json),
    semconv.TRACELOOP_ENTITY_OUTPUT: ("output", reading.as_json),
}
_CONVERSATION: Final = ("session_id", "thread_id", "chat_id")
_GIVEN: Final = frozenset({"inputs", "input_str", "tags", "metadata", "kwargs"})
_RETURNED: Final = frozenset({"outputs", "output", "kwargs"})
"""What stands beside input and output where LangChain's callbacks gave them."""


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span that carries ``traceloop.span.kind``; None for any other."""
    said = reading.text(span.attributes, semconv.TRACELOOP_KIND)
    if said is None:
        return None
    kind = _KINDS.get(said, "function")
    fields = reading.collect(span.attributes, _TABLE, reading.COMMON, reading.FALLBACKS, genai.OLDER)
    if _is_graph_node(span.attributes):
        fields["operation"] = semconv.OPERATION_GRAPH_NODE
    fields.setdefault("operation", said)
    given = _unwrap(fields, "input", _GIVEN, ("inputs", "input_str"))
    _unwrap(fields, "output", _RETURNED, ("outputs", "output"))
    if kind == "tool":
        _read_tool_message(fields)
        if (call_id := reading.as_text(mapping(given.get("kwargs")).get("tool_call_id"))) is not None:
            fields.setdefault("tool_call_id", call_id)
    name, tool = fields.pop("entity_name", None), fields.pop("tool_name", None)
    if kind == "tool":
        name = tool or name
    elif kind == "agent":
        name = fields.setdefault("agent_name", name)
        if fields["agent_name"] is None:
            del fields["agent_name"]
    if (task := _task(fields.get("input"))) is not None:
        fields["task"] = task
    _associate(span.attributes, fields)
    return reading.finish(span, fields, kind, name, NAME)


def _is_graph_node(attributes: Attributes) -> bool:
    """Whether a span is a run of a LangGraph node, and not something within one."""
    node = reading.text(attributes, semconv.TRACELOOP_ASSOCIATION + semconv.OPENINFERENCE_METADATA_NODE)
    return node is not None and node == attributes.get(semconv.TRACELOOP_ENTITY_NAME)


def _unwrap(fields: dict[str, Any], fact: str, around: frozenset[str], names: Sequence[str]) -> Mapping[str, Any]:
    """Leave what was given or returned, of ``{inputs, tags, metadata, kwargs}`` and the like; the whole, where so."""
    held = fields.get(fact)
    value = mapping(held.value) if held is not None else {}
    found = [value[name] for name in names if value.get(name) is not None]
    if not found or len(value) < 2 or not around.issuperset(value):
        return {}
    fields[fact] = JsonText(dump(found[0]))
    return value


def _read_tool_message(fields: dict[str, Any]) -> None:
    """What a LangChain tool returned, out of the message that carries it: ``{lc, type, id, kwargs: {content, …}}``."""
    held = fields.get("output")
    value = mapping(held.value) if held is not None else {}
    message = mapping(value.get("kwargs")) if "lc" in value else {}
    if "content" in message:
        fields["output"] = JsonText(dump(message["content"]))


def _task(given: JsonText | None) -> str | None:
    """The one text that a decorated function was called with: ``{"args": ["…"], "kwargs": {}}``."""
    value = given.value if given is not None else None
    if not isinstance(value, Mapping) or not {"args", "kwargs"} <= value.keys():
        return None
    args, kwargs = value["args"], value["kwargs"]
    values = [*(args if isinstance(args, list) else ()), *(kwargs.values() if isinstance(kwargs, Mapping) else ())]
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def _associate(attributes: Attributes, fields: dict[str, Any]) -> None:
    """``traceloop.association.properties.*``: what the program said of the run."""
    start = semconv.TRACELOOP_ASSOCIATION
    said = {key[len(start) :]: value for key, value in attributes.items() if key.startswith(start)}
    if not said:
        return
    fields.setdefault("metadata", JsonText(dump(said)))
    if (user := reading.as_text(said.get("user_id"))) is not None:
        fields.setdefault("user_id", user)
    for name in _CONVERSATION:
        if (conversation := reading.as_text(said.get(name))) is not None:
            fields.setdefault("conversation_id", conversation)
