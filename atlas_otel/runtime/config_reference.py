"""The reference of the config file, made from its models: ``python -m atlas_otel.runtime.config_reference``.

A test compares ``docs/reference/run-config.md`` with the code.
"""

from __future__ import annotations

import json
import typing
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from atlas_otel.models import config as sections
from atlas_otel.models import config_agent as agents
from atlas_otel.models.config_llm import LLMConfig, RetryConfig
from atlas_otel.models.rubric import CriterionConfig, RubricConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_HEAD: Final = """# The config of a governed run

<!-- Made by `python -m atlas_otel.runtime.config_reference`. -->

YAML, read by `atlas-otel run`, `adapters describe` and `config check`, and by `atlas_otel.run(task, config_path)`.
`${NAME}` is an environment variable, `${NAME:-default}` one with a default, `$${` a plain `${`. An unknown key
is an error. Keys of an Atlas config that are not used here (`learning`, `prompt_rewrite`, …) cost one warning.
[adapters.md](../adapters.md) shows what it is for.
"""
SECTIONS: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("(top)", sections.AtlasConfig),
    ("agent, `type: python`", agents.PythonAgentConfig),
    ("agent, `type: http_api`", agents.HTTPAgentConfig),
    ("agent.transport", agents.HTTPTransport),
    ("agent, `type: openai`", agents.OpenAIAgentConfig),
    ("agent, `type: self_managed`", agents.SelfManagedAgentConfig),
    ("agent.environment, agent.agent", agents.ImportedObject),
    ("agent.tools[]", agents.ToolDefinition),
    ("agent.tools[].parameters", agents.ToolParameters),
    ("llm (wherever a model is named)", LLMConfig),
    ("retry", RetryConfig),
    ("student", sections.StudentConfig),
    ("student.prompts", sections.StudentPrompts),
    ("teacher", sections.ModelTeacherConfig),
    ("teacher.prompts", sections.TeacherPrompts),
    ("teacher, `type: python`", sections.PythonTeacherConfig),
    ("rim", sections.JudgesConfig),
    ("orchestration", sections.OrchestrationConfig),
    ("adaptive_teaching", sections.AdaptiveTeachingConfig),
    ("adaptive_teaching.probe", sections.ProbeConfig),
    ("adaptive_teaching.probe.thresholds", sections.ProbeThresholds),
    ("adaptive_teaching.reward", sections.RewardConfig),
    ("runtime_safety", sections.RuntimeSafetyConfig),
    ("runtime_safety.drift", sections.DriftConfig),
    ("runtime_safety.review", sections.ReviewConfig),
    ("runtime_safety.review.rubric", RubricConfig),
    ("runtime_safety.review.rubric.criteria[]", CriterionConfig),
    ("storage", sections.StorageConfig),
)


def reference() -> str:
    """Every section with its keys, as Markdown."""
    parts = [_HEAD]
    for name, model in SECTIONS:
        about = " ".join((model.__doc__ or "").replace("``", "`").split())
        rows = "\n".join(_rows(model))
        parts.append(f"## {name}\n\n{about}\n\n| key | takes | default | |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _rows(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        about = " ".join((field.description or "").replace("``", "`").split()).replace("|", "\\|")
        yield f"| `{name}` | {_takes(field.annotation)} | {_default(field)} | {about} |"


def _takes(annotation: Any) -> str:
    origin, inside = get_origin(annotation), [one for one in get_args(annotation) if one is not type(None)]
    if origin is typing.Annotated:
        return _takes(inside[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_takes(one) for one in inside))
    if origin in (list, tuple):
        return f"list of {_takes(inside[0])}" if inside else "list"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true, false"}.get(
        getattr(annotation, "__name__", ""), "anything"
    )


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        made = field.get_default(call_default_factory=True, validated_data={})
        models = made if isinstance(made, list) else [made]
        return "" if any(isinstance(one, BaseModel) for one in models) else f"`{json.dumps(made)}`"
    if field.default is PydanticUndefined:
        return "required"
    return "" if field.default is None else f"`{json.dumps(field.default)}`"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
