"""The ``llm`` blocks of a config file: which model answers, and how it is asked (contract §5)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Provider: TypeAlias = Literal["openai", "anthropic", "azure-openai", "bedrock", "google", "gemini", "xai"]
Seconds: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""
TokenLimit: TypeAlias = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A block of the config file: a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class RetryConfig(Section):
    """How often a call is tried in all, and how long the first wait between two tries is; it doubles each time."""

    attempts: int = Field(default=1, ge=1, le=10)
    backoff_seconds: Seconds = 1.0


class LLMConfig(Section):
    """A model, as the teacher, a judge, the probe, or the agent itself."""

    provider: Provider = "openai"
    model: str
    """The provider's name of the model. A LiteLLM-style prefix (``gemini/…``) is taken off."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key. Never put the key itself into the file."""
    api_base: str | None = None
    """The base URL of an endpoint that speaks the provider's API."""
    organization: str | None = None
    temperature: float = Field(default=0.0, ge=0, le=2)
    top_p: Share | None = None
    max_output_tokens: TokenLimit | None = None
    timeout_seconds: Seconds = 60.0
    retry: RetryConfig = Field(default_factory=RetryConfig)
    additional_headers: dict[str, str] = Field(default_factory=dict, repr=False)
    reasoning_effort: Literal["low", "medium", "high"] | None = None
