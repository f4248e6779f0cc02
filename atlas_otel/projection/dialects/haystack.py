"""Haystack's own tracing (2.x, 3.x): ``haystack.*``, with content where ``HAYSTACK_CONTENT_TRACING_ENABLED`` is. Pure.

A pipeline's run is a run of an agent; a component is a model call where it is a generator; an agent's step holds one
model call and its tools' calls. Messages are ``ChatMessage.to_dict``: ``{role, content: [{text} | {tool_call} |
{tool_call_result} | {reasoning} | {image}]}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel import semconv
from atlas_otel.calls.usage import read_usage
from atlas_otel.projection.dialects import calling, reading
from atlas_otel.projection.facts import Failure
from atlas_otel.records.json_text import JsonText, dump

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.projection.facts import Facts
    from atlas_otel.records.record import SpanRecord
    from atlas_otel.semconv import Kind

NAME: Final = "haystack"
_GENERATOR: Final = "Generator"
_BY_NAME: Final[Mapping[str, Kind]] = {
    "haystack.agent.run": "agent",
    "haystack.agent.step.llm": "llm",
    "haystack.agent.step.tool": "tool",
    "haystack.pipeline.run": "agent",
    "haystack.async_pipeline.run": "agent",
}
_GIVEN: Final = (
    semconv.HAYSTACK_LLM_INPUT, semconv.HAYSTACK_TOOL_INPUT, semconv.HAYSTACK_AGENT_INPUT,
    semconv.HAYSTACK_COMPONENT_INPUT, semconv.HAYSTACK_PIPELINE_INPUT,
)  # fmt: skip
_RETURNED: Final = (
    semconv.HAYSTACK_LLM_OUTPUT, semconv.HAYSTACK_TOOL_OUTPUT, semconv.HAYSTACK_AGENT_OUTPUT,
    semconv.HAYSTACK_COMPONENT_OUTPUT, semconv.HAYSTACK_PIPELINE_OUTPUT,
)  # fmt: skip


def read(span: SpanRecord) -> Facts | None:
    """The facts of a span of Haystack's; None for any other."""
    if not any(key.startswith(semconv.HAYSTACK_PREFIX) for key in span.attributes):
        return None
    component = reading.text(span.attributes, semconv.HAYSTACK_COMPONENT_TYPE)
    kind = _BY_NAME.get(span.name) or (
        "llm" if component is not None and component.endswith(_GENERATOR) else "function"
    )
    fields = reading.collect(span.attributes, reading.COMMON, reading.FALLBACKS)
    fields["operation"] = span.name
    given, returned = _first(span, _GIVEN), _first(span, _RETURNED)
    if kind == "llm":
        _read_call(fields, given, returned)
    else:
        for fact, held in (("input", given), ("output", returned)):
            if held is not None:
                fields[fact] = JsonText(dump(held if kind == "tool" else _with_messages(held)))
    name = reading.text(span.attributes, semconv.HAYSTACK_TOOL_NAME) or reading.text(
        span.attributes, semconv.HAYSTACK_COMPONENT_NAME
    )
    facts = reading.finish(span, fields, kind, fields.get("model") if kind == "llm" else name, NAME)
    if span.attributes.get(semconv.HAYSTACK_TOOL_ERROR) is True and facts.error is None:
        held = returned.get("error") if isinstance(returned, dict) else returned
        facts = facts._replace(error=Failure("error", held if isinstance(held, str) else ""))
    return facts


def _first(span: SpanRecord, keys: tuple[str, ...]) -> Any:
    held = next((span.attributes[key] for key in keys if key in span.attributes), None)
    return calling.opened(held)


def _read_call(fields: dict[str, Any], given: Any, returned: Any) -> None:
    request = dict(given) if isinstance(given, dict) else {}
    if isinstance(request.get("messages"), list):
        request["messages"] = [message(one) for one in request["messages"]]
    request["tools"] = _tools(request.get("tools"))
    calling.read_request(fields, request)
    replies = returned.get("replies") if isinstance(returned, dict) else None
    metas = returned.get("meta") if isinstance(returned, dict) else None
    if isinstance(replies, list) and replies:
        said = [message(one) for one in replies]
        calling.read_response(fields, said)
        beside = metas[0] if isinstance(metas, list) and metas else None  # a generator of plain texts
        meta = replies[0].get("meta", replies[0].get("_meta")) if isinstance(replies[0], dict) else beside
        if isinstance(meta, dict):
            calling.put_usage(fields, read_usage(meta.get("usage")))
            if isinstance(meta.get("model"), str):
                fields.setdefault("model", meta["model"])
            if isinstance(meta.get("finish_reason"), str):
                fields.setdefault("finish_reasons", (meta["finish_reason"],))


def _tools(value: Any) -> list[Any]:
    """Serialised tools are ``{type, data: {name, description, parameters}}``."""
    listed = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    return [one.get("data", one) if isinstance(one, dict) else one for one in listed]


def message(value: Any) -> Any:
    """A message of Haystack's in OpenAI's form; anything else as it is."""
    if not isinstance(value, dict):
        return {"role": "assistant", "content": value} if isinstance(value, str) else value
    role, content = value.get("role", value.get("_role")), value.get("content", value.get("_content"))
    if not isinstance(role, str) or not isinstance(content, list):
        return value
    parts: list[Any] = []
    for one in content:
        parts += [_part(one)] if isinstance(one, dict) else [one]
    return {"role": role, "content": parts, **({"name": value["name"]} if value.get("name") else {})}


def _part(held: dict[str, Any]) -> Any:
    if isinstance(call := held.get("tool_call"), dict):
        return {
            "type": "tool_call",
            "id": call.get("id"),
            "name": call.get("tool_name"),
            "arguments": call.get("arguments"),
        }
    if isinstance(result := held.get("tool_call_result"), dict):
        origin = result.get("origin") or {}
        content = result.get("result")
        listed = (
            [_part(one) if isinstance(one, dict) else one for one in content] if isinstance(content, list) else content
        )
        told = {
            "type": "tool_call_response",
            "id": origin.get("id"),
            "name": origin.get("tool_name"),
            "response": listed,
        }
        return {**told, **({"is_error": True} if result.get("error") is True else {})}
    if isinstance(thought := held.get("reasoning"), dict):
        return {"type": "reasoning", "content": thought.get("reasoning_text") or ""}
    if isinstance(held.get("text"), dict):
        return {"type": "text", "text": held["text"].get("text")}
    if "text" in held:
        return {"type": "text", "text": held["text"]}
    if isinstance(image := held.get("image"), dict):
        return {
            "type": "blob",
            "modality": "image",
            "mime_type": image.get("mime_type"),
            "content": image.get("base64_image"),
        }
    return held


def _with_messages(value: Any) -> Any:
    """What a run was given or gave back, with its messages in a form that every reader knows."""
    if isinstance(value, dict):
        if isinstance(value.get("role", value.get("_role")), str):
            return message(value)
        return {key: _with_messages(one) for key, one in value.items()}
    return [_with_messages(one) for one in value] if isinstance(value, list) else value
