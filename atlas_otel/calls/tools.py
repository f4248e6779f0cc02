"""The tools offered to a model, in any provider's form → :class:`~atlas_otel.calls.model_call.Tool`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.calls.model_call import Tool
from atlas_otel.records import lenient_json
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HOLDERS: Final = ("functionDeclarations", "function_declarations", "tools", "function_tools", "output_tools")
_WRAPPINGS: Final = ("function", "toolSpec", "tool_spec", "custom")
_SCHEMAS: Final = (
    "parameters", "input_schema", "inputSchema", "parameters_json_schema", "parametersJsonSchema", "args_schema",
    "parameter_definitions", "schema", "json_schema",
)  # fmt: skip


def read_tools(value: object) -> tuple[Tool, ...]:
    """The tools in ``value``: a list, an object that holds one (Gemini's, Bedrock's), tools by name, or JSON text of
    any of these. What is no tool is passed over."""
    return tuple(_tools(_opened(value)))


def _tools(value: Any) -> Iterator[Tool]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _tools(_opened(one))
    elif isinstance(value, dict):
        held = [value[key] for key in _HOLDERS if isinstance(value.get(key), list)]
        if held:
            for one in held:
                yield from _tools(one)
        elif (tool := _tool(value)) is not None:
            yield tool
        else:
            yield from _by_name(value)


def _tool(value: Mapping[str, Any]) -> Tool | None:
    inner = next((value[key] for key in _WRAPPINGS if isinstance(value.get(key), dict)), value)
    name = inner.get("name", value.get("name"))
    kind = value.get("type")
    if not isinstance(name, str) or not name:
        provided = isinstance(kind, str) and kind not in ("function", "object")
        return Tool(kind, value=dict(value)) if provided and isinstance(kind, str) else None
    schema = next((found for key in _SCHEMAS if (found := _schema(inner.get(key))) is not None), None)
    if schema is None and isinstance(kind, str) and kind not in ("function", "custom", "tool"):
        return Tool(name, value=dict(value))  # the provider's own: web search, a computer, …
    strict = inner.get("strict", value.get("strict"))
    description = inner.get("description")
    return Tool(
        name,
        description if isinstance(description, str) else None,
        schema,
        strict if isinstance(strict, bool) else None,
    )


def _schema(value: Any) -> Any:
    held = _opened(value)
    if isinstance(held, dict):
        inner = held.get("json", held.get("jsonSchema"))  # Bedrock's, Vercel's
        return _lowered(inner if isinstance(inner, dict) and len(held) <= 2 else held)
    return None


def _lowered(schema: Any) -> Any:
    """A schema with the types of Gemini's, which are capitals, as JSON schema has them."""
    if isinstance(schema, list):
        return [_lowered(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _CAPITALS:
        known = {key: one for key, one in schema.items() if one is not None}  # its SDK writes what is not set
        return {key: _lowered(one) if key != "type" else kind.lower() for key, one in known.items()}
    return {key: _lowered(one) if isinstance(one, (dict, list)) else one for key, one in schema.items()}


_CAPITALS: Final = frozenset({"OBJECT", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "NULL"})


def _by_name(value: Mapping[str, Any]) -> Iterator[Tool]:
    """Vercel's ``{name: {description, inputSchema}}``; Gemini's ``{googleSearch: {}}``."""
    for name, one in value.items():
        if isinstance(one, dict):
            found = _tool({**one, "name": name})
            if found is not None:
                yield found if found.parameters or found.description else Tool(name, value={name: one})


def _opened(value: Any) -> Any:
    """The JSON that stands in a text."""
    if isinstance(value, JsonText):
        return value.value
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return lenient_json.parse(value)
        except ValueError:
            return value
    return value
