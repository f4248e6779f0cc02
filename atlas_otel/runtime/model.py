"""A model as an advisor, by way of pydantic-ai: structured answers from any provider, and its spans under ours."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import Tracer, TracerProvider
from opentelemetry.util._decorator import _agnosticcontextmanager

from atlas_otel import pipeline, semconv
from atlas_otel.errors import ConfigError
from atlas_otel.process import fork
from atlas_otel.runtime.advisor import within
from atlas_otel.runtime.coerce import json_text
from atlas_otel.runtime.digest import digest
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Span
    from pydantic_ai.models import Model

    from atlas_otel.models.config_llm import LLMConfig
    from atlas_otel.runtime.advisor import Actor, Question

_EXTRA: Final = "pip install 'atlas-otel[governance]'"
_PACKAGES: Final = {"anthropic": "anthropic", "google": "google", "gemini": "google", "bedrock": "bedrock"}
"""The extra of pydantic-ai-slim that a provider needs beyond ours."""
_PREFIXES: Final = ("openai", "anthropic", "azure", "bedrock", "gemini", "google", "vertex_ai", "xai")
_XAI: Final = "https://api.x.ai/v1"


class ModelAdvisor:
    """Asks a model, and takes only an answer of the form that the question wants."""

    def __init__(self, config: LLMConfig, actor: Actor, environ: Mapping[str, str], limit_s: float | None) -> None:
        self._config = config
        self._actor = actor
        self._environ = environ
        # Retries and their waits are inside this limit: nobody waits for a judge longer than the config says.
        self._limit_s = limit_s or config.timeout_seconds * config.retry.attempts or None
        self._model: Model | None = None
        self._lock = fork.lock()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._config.model

    async def ask(self, question: Question) -> object:
        """A ``question.answer``. Raises TimeoutError, ConfigError, or what pydantic-ai raises."""
        # The first time, a library is imported: not on the event loop, which the agent shares.
        agent = await asyncio.to_thread(self._agent, question)
        run = agent.run(json_text(digest(question.facts)), model_settings=self._settings(question))
        return (await within(self._limit_s, run)).output

    def warm_up(self) -> None:
        """Import the library and make the client. Raises what :meth:`ask` would."""
        from pydantic_ai import Agent as _  # noqa: F401

        with self._lock:
            if self._model is None:
                self._model = build_model(self._config, self._environ)

    async def aclose(self) -> None:
        """Close the provider's client, where it can be."""
        close = getattr(getattr(self._model, "client", None), "close", None)
        if callable(close):
            closing = close()
            if inspect.isawaitable(closing):
                await closing

    def _agent(self, question: Question) -> Any:
        try:
            from pydantic_ai import Agent
            from pydantic_ai.models.instrumented import InstrumentationSettings
        except ImportError:
            raise ConfigError(f"a model as {self._actor} needs an extra: {_EXTRA}") from None
        with self._lock:
            if self._model is None:
                self._model = build_model(self._config, self._environ)
        agent: Any = Agent(
            self._model,
            output_type=question.answer,
            instructions=question.instructions,
            name=f"atlas-{self._actor}",
        )
        agent.instrument = InstrumentationSettings(
            tracer_provider=_Marking(self._actor), include_content=state.current().capture.content
        )
        return agent

    def _settings(self, question: Question) -> dict[str, Any]:
        config = self._config
        limits = [limit for limit in (config.max_output_tokens, question.max_tokens) if limit is not None]
        settings: dict[str, Any] = {
            "temperature": config.temperature if question.temperature is None else question.temperature,
            "max_tokens": min(limits, default=None),
            "top_p": config.top_p,
            "timeout": config.timeout_seconds or None,
            "extra_headers": config.additional_headers or None,
            "openai_reasoning_effort": config.reasoning_effort,
        }
        return {key: value for key, value in settings.items() if value is not None}


def build_model(config: LLMConfig, environ: Mapping[str, str]) -> Model:
    """The model that an ``llm`` block names. Raises ConfigError where a package or a key is missing."""
    provider, model = config.provider, plain_name(config.model)
    key = environ.get(config.api_key_env)
    if not key and config.api_base is None and provider != "bedrock":
        raise ConfigError(f"the environment variable {config.api_key_env} is not set (llm.api_key_env)")
    try:
        if provider in ("openai", "xai", "azure-openai"):
            return _openai(config, model, key)
        return _other(config, model, key)
    except ImportError as error:
        package = _PACKAGES.get(provider, "openai")
        raise ConfigError(f"provider {provider} needs pip install 'pydantic-ai-slim[{package}]': {error}") from None


def plain_name(model: str) -> str:
    """The model's name without a LiteLLM-style provider in front (``gemini/…``)."""
    prefix, slash, rest = model.partition("/")
    return rest if slash and prefix in _PREFIXES else model


def _openai(config: LLMConfig, model: str, key: str | None) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    from atlas_otel.runtime.agents.openai import openai_client

    if config.provider == "azure-openai":
        from pydantic_ai.providers.azure import AzureProvider

        azure = AzureProvider(azure_endpoint=config.api_base, api_key=key)
        return OpenAIChatModel(model, provider=azure)
    values = config.model_dump()
    if config.provider == "xai" and config.api_base is None:
        values["api_base"] = _XAI
    return OpenAIChatModel(model, provider=OpenAIProvider(openai_client=openai_client(values)))


def _other(config: LLMConfig, model: str, key: str | None) -> Model:
    if config.provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(model, provider=AnthropicProvider(api_key=key, base_url=config.api_base))
    if config.provider == "bedrock":
        from pydantic_ai.models.bedrock import BedrockConverseModel

        return BedrockConverseModel(model)
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    return GoogleModel(model, provider=GoogleProvider(api_key=key or "", base_url=config.api_base))


class _Marking(TracerProvider):
    """A tracer provider whose spans say on whose behalf they were made: governance's, not the agent's own."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def get_tracer(self, *arguments: Any, **options: Any) -> Tracer:
        """A tracer of the provider in force."""
        telemetry = pipeline.current()
        # ``configure`` may have been given a provider that is not the global one.
        provider = telemetry.tracer_provider if telemetry is not None else trace.get_tracer_provider()
        return _MarkingTracer(provider.get_tracer(*arguments, **options), self._actor)


class _MarkingTracer(Tracer):
    def __init__(self, tracer: Tracer, actor: Actor) -> None:
        self._tracer = tracer
        self._actor = actor

    def start_span(self, name: str, *arguments: Any, **options: Any) -> Span:
        return self._tracer.start_span(name, *arguments, **self._marked(options))

    @_agnosticcontextmanager
    def start_as_current_span(self, name: str, *arguments: Any, **options: Any) -> Iterator[Span]:
        with self._tracer.start_as_current_span(name, *arguments, **self._marked(options)) as span:
            yield span

    def _marked(self, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "attributes": {**(options.get("attributes") or {}), semconv.ATLAS_ACTOR: self._actor}}
