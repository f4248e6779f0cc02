"""The ``agent`` block of a config file: one class per ``type`` (contract §5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator
from typing_extensions import Self

from atlas_otel.models.config_llm import LLMConfig, RetryConfig, Seconds, Section

Behavior: TypeAlias = Literal["atlas", "self"]
"""Who owns the control loop, whatever the adapter says."""


class ToolParameters(Section):
    """A JSON schema of a tool's arguments."""

    type: Literal["object"] = "object"
    properties: dict[str, Any] = Field(default_factory=dict)
    required: list[str] = Field(default_factory=list)
    additionalProperties: bool = False

    @model_validator(mode="after")
    def _required_are_properties(self) -> Self:
        missing = sorted(set(self.required) - set(self.properties))
        if missing:
            raise ValueError(f"required names what properties lacks: {', '.join(missing)}")
        return self


class ToolDefinition(Section):
    """A tool that the agent may call; it is described to the agent, not called by us."""

    name: str
    description: str
    parameters: ToolParameters = Field(default_factory=ToolParameters)
    outputSchema: dict[str, Any] | None = None


class _Agent(Section):
    name: str
    """The agent's name: in span names, and in the learning key."""
    system_prompt: str | None = None
    """Who the agent is. Prompts refer to it as ``{base_prompt}``."""
    tools: list[ToolDefinition] = Field(default_factory=list)
    behavior: Behavior | None = None
    """Overrides the control loop that the adapter asks for."""


class PythonAgentConfig(_Agent):
    """An adapter class or object, or a plain function, in a Python module."""

    type: Literal["python"]
    import_path: str
    """The module, as an ``import`` statement names it."""
    attribute: str = "main"
    """The class, object or function in it; dots reach deeper."""
    working_directory: str | None = None
    """A folder to import from, before all others."""
    allow_generator: bool = False
    """Whether a function may answer with a generator; its items are joined."""
    llm: LLMConfig | None = None
    """Handed to a function in its metadata as ``llm_config``."""

    @model_validator(mode="before")
    @classmethod
    def _default_attribute(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("attribute", "") is None:
            return {key: value for key, value in values.items() if key != "attribute"}
        return values


class HTTPTransport(Section):
    """The address of an HTTP agent, and how it is called."""

    base_url: str
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    timeout_seconds: Seconds = 60.0
    retry: RetryConfig = Field(default_factory=RetryConfig)


class HTTPAgentConfig(_Agent):
    """An agent behind an HTTP endpoint: each prompt is one POST."""

    type: Literal["http_api"]
    transport: HTTPTransport
    payload_template: dict[str, Any] = Field(default_factory=dict)
    """The JSON body; ``prompt`` and ``metadata`` are added to it."""
    result_path: list[str | int] | None = None
    """Keys and indexes that lead to the answer in the JSON response; without it the whole response is the answer."""


class OpenAIAgentConfig(_Agent):
    """A model behind an OpenAI-compatible chat endpoint. ``litellm`` is the newer Atlas name for the same block."""

    type: Literal["openai", "litellm"]
    llm: LLMConfig
    response_format: dict[str, Any] | None = None


class ImportedObject(Section):
    """A class or function in a Python module, made or called with ``options``."""

    import_path: str
    attribute: str
    options: dict[str, Any] = Field(default_factory=dict)


class SelfManagedAgentConfig(_Agent):
    """An agent that acts in an environment, step by step, until it submits (contract §5)."""

    type: Literal["self_managed"]
    environment: ImportedObject
    agent: ImportedObject
    working_directory: str | None = None
    telemetry_stream: bool = True
    max_iterations: int | None = Field(default=None, ge=1)
    """The most actions in one episode; None: until the agent submits or the environment is done."""
    plan_description: str | None = None
    auto_close_environment: bool = True


AgentConfig: TypeAlias = Annotated[
    PythonAgentConfig | HTTPAgentConfig | OpenAIAgentConfig | SelfManagedAgentConfig, Field(discriminator="type")
]
