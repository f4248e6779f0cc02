"""The API described: OpenAPI 3.1, from :mod:`operations` and the shapes. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from atlas_otel.ui.operations import API, OPERATIONS, Operation
from atlas_otel.ui.shapes.base import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

CSRF_HEADER: Final = "X-Atlas-CSRF"
_TEMPLATE: Final = "#/components/schemas/{model}"
_PATH_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "session": {
        "description": "Its number, its key or a unique beginning of it, or the id of its trace or a span of it.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
        "example": "412",
    },
    "span": {
        "description": "The span's `id` in the skeleton.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
        "example": "00f067aa0ba902b7",
    },
    "part": {
        "description": "Which payload.",
        "schema": {"type": "string", "enum": ["input", "output", "call", "record"]},
        "example": "output",
    },
    "name": {
        "description": "A name.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
        "example": "failed-today",
    },
    "id": {
        "description": "The build's id.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        "example": "1",
    },
}
_ALWAYS: Final[dict[int, str]] = {
    400: "The request is wrong: the message says where.",
    401: "Nobody who is known asks.",
    403: "The role does not allow it; or the Host, Origin or CSRF token is not the page's own.",
    500: "The server failed; its log says more.",
    503: "The database is away: ask again after Retry-After.",
}
_WRITING: Final[dict[int, str]] = {413: "The body is too large.", 415: "The body is no JSON."}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def document(version: str) -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "atlas-otel ui",
            "version": version,
            "summary": "Review what trains, and see how the agent does.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def parameters_of(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The schema of each query parameter, by its name, with what it refers to put in place."""
    schema = model.model_json_schema(ref_template=_TEMPLATE)
    held = schema.get("$defs", {})
    return {name: _optional(_inlined(one, held)) for name, one in schema["properties"].items()}


def _inlined(schema: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _inlined(held[schema["$ref"].rpartition("/")[2]], held)
    return schema


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out: it is never null itself."""
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    found = {key: value for key, value in schema.items() if key not in ("anyOf", "title", "default")}
    if kinds:
        found |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if schema.get("default") is not None:
        found["default"] = schema["default"]
    return found


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for one in OPERATIONS:
        paths.setdefault(API + one.path, {})[one.method.lower()] = _operation(one)
    return paths


def _operation(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.summary,
        "tags": [one.tag],
        "x-role": one.role,
        "parameters": list(_parameters(one)),
        "responses": dict(_responses(one)),
    }
    if one.body is not None:
        schema = {"$ref": _TEMPLATE.format(model=one.body.__name__)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _parameters(one: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", one.path):
        yield {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS[name]}
    if one.query is not None:
        required = one.query.model_json_schema().get("required", [])
        for name, schema in parameters_of(one.query).items():
            parameter = {"name": name, "in": "query", "required": name in required, "schema": schema}
            if description := schema.pop("description", None):
                parameter["description"] = description
            yield parameter
    if one.tagged:
        yield {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
    if one.writes:
        yield {"name": CSRF_HEADER, "in": "header", "required": True, "schema": {"type": "string", "minLength": 1}}


def _responses(one: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "200", _success(one)
    if one.tagged:
        yield "304", {"description": "As it was.", "headers": _etag()}
    errors = dict(_ALWAYS)
    if one.body is not None:
        errors |= _WRITING
    if one.missing:
        errors[404] = "There is no such thing."
    if one.conflicts:
        errors[409] = "It is not as it was, or somebody else's: the answer says what changed."
    for status, description in sorted(errors.items()):
        content = {"application/problem+json": {"schema": {"$ref": _TEMPLATE.format(model="Problem")}}}
        headers = _RETRY_AFTER if status == 503 else {}
        yield str(status), {"description": description, "content": content} | ({"headers": headers} if headers else {})


def _success(one: Operation) -> dict[str, Any]:
    if one.answer is None:
        schema = {"type": "string", "format": "binary"}
        name = {"Content-Disposition": {"schema": {"type": "string"}, "description": "attachment; filename=…"}}
        return {
            "description": "The file.",
            "headers": name,
            "content": {"application/octet-stream": {"schema": schema}},
        }
    found: dict[str, Any] = {
        "description": one.summary,
        "content": {"application/json": {"schema": {"$ref": _TEMPLATE.format(model=one.answer.__name__)}}},
    }
    return found | ({"headers": _etag()} if one.tagged else {})


def _etag() -> dict[str, Any]:
    return {"ETag": {"description": "The revision, quoted.", "schema": {"type": "string"}}}


def _schemas() -> dict[str, Any]:
    asked = {one.body for one in OPERATIONS if one.body is not None}
    answers = {one.answer for one in OPERATIONS if one.answer is not None} | {Problem}
    named = sorted([(model, "validation") for model in asked], key=lambda one: one[0].__name__)
    named += sorted([(model, "serialization") for model in answers], key=lambda one: one[0].__name__)
    _, found = models_json_schema(named, ref_template=_TEMPLATE)  # type: ignore[arg-type]
    schemas: dict[str, Any] = dict(sorted(found["$defs"].items()))
    return {name: _tidy(schema) for name, schema in schemas.items()}


def _tidy(schema: Any) -> Any:
    """Without the titles that pydantic makes of names: they say nothing, and name types of their own in clients."""
    if isinstance(schema, dict):
        is_title = isinstance(schema.get("title"), str)
        return {key: _tidy(value) for key, value in schema.items() if not (key == "title" and is_title)}
    return [_tidy(one) for one in schema] if isinstance(schema, list) else schema
