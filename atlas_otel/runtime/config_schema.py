"""The config file's JSON schema, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.config_file import UNUSED_KEYS
from atlas_otel.models.config import AtlasConfig

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}$"}
"""A whole value that comes from the environment."""
_OWNERS: Final = {"agent": "OpenAIAgentConfig", "rim": "JudgesConfig"}


def config_schema() -> JsonObject:
    """The schema: what :func:`atlas_otel.config_file.load_config` takes, ``${ENV}`` references in place of numbers too,
    and what Atlas configs hold that is not used, marked as deprecated."""
    schema: dict[str, Any] = AtlasConfig.model_json_schema()
    for key in UNUSED_KEYS:
        section, _, name = key.rpartition(".")
        owner = schema["$defs"][_OWNERS[section]] if section else schema
        owner["properties"][name] = {"deprecated": True, "description": "Not used by atlas-otel."}
    referenced: dict[str, Any] = _with_references(schema)
    return {"$schema": _DIALECT, **referenced, "title": "atlas-otel config"}


def _with_references(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _with_references(item) for key, item in value.items()}
    if inner.get("type") in ("integer", "number", "boolean") and "const" not in inner:
        described = {key: inner.pop(key) for key in ("title", "description", "default") if key in inner}
        return {**described, "anyOf": [inner, dict(_REFERENCE)]}
    return inner
