"""``type: openai``: a model behind an OpenAI-compatible chat endpoint is the agent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from atlas_otel.errors import AdapterError, ConfigError
from atlas_otel.tracing import decorators

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from atlas_otel.models.config_agent import OpenAIAgentConfig


class OpenAIAgent:
    """Answers each prompt with one chat completion, recorded as a model call."""

    takes_system_prompt = True
    """The system prompt comes in the metadata, and goes to the model as its own message."""

    def __init__(self, config: OpenAIAgentConfig, *, tool_choice: str) -> None:
        self._config = config
        self._tool_choice = tool_choice
        self._client: AsyncOpenAI | None = None

    async def ainvoke(self, prompt: str, metadata: dict[str, Any] | None = None) -> Any:
        """The model's text; its tool calls where it makes some instead. Raises AdapterError without either."""
        llm = self._config.llm
        told = metadata or {}
        system = told.get("system_prompt") or self._config.system_prompt
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt})
        limits = [limit for limit in (llm.max_output_tokens, told.get("max_tokens")) if limit is not None]
        request: dict[str, Any] = {"model": llm.model, "messages": messages, "temperature": llm.temperature}
        optional = {
            "top_p": llm.top_p,
            "max_tokens": min(limits, default=None),
            "reasoning_effort": llm.reasoning_effort,
            "response_format": self._config.response_format,
        }
        request.update({key: value for key, value in optional.items() if value is not None})
        if self._config.tools:
            request["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters.model_dump(),
                    },
                }
                for tool in self._config.tools
            ]
            request["tool_choice"] = self._tool_choice
        chat = decorators.llm(model=llm.model, provider=llm.provider)(self._complete)
        answer = (await chat(**request))["choices"][0]["message"]
        if answer.get("tool_calls"):
            return {"output": {"content": answer.get("content"), "tool_calls": answer["tool_calls"]}}
        if answer.get("content") is None:
            raise AdapterError(f"the model {llm.model} answered with neither text nor tool calls")
        return answer["content"]

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def _complete(self, **request: Any) -> dict[str, Any]:
        answer = await self._openai().chat.completions.create(**request)
        values: dict[str, Any] = answer.model_dump(exclude_none=True)
        return values

    def _openai(self) -> AsyncOpenAI:
        if self._client is None:
            self._client = openai_client(self._config.llm.model_dump())
        return self._client


class ClientLibrary:
    """The library that a client is made of."""

    def warm_up(self) -> None:
        """Import it; the first client of a process takes most of a second."""
        from openai import AsyncOpenAI

        AsyncOpenAI(api_key="none")


def openai_client(llm: dict[str, Any]) -> AsyncOpenAI:
    """A client as an ``llm`` block says. Raises ConfigError where the extra or the key is missing."""
    try:
        from openai import AsyncOpenAI
    except ImportError:
        raise ConfigError("OpenAI-compatible models need an extra: pip install 'atlas-otel[governance]'") from None
    key = os.environ.get(llm["api_key_env"])
    if not key and llm["api_base"] is None:
        raise ConfigError(f"the environment variable {llm['api_key_env']} is not set (llm.api_key_env)")
    return AsyncOpenAI(
        api_key=key or "none",  # an endpoint of one's own may want none; the client insists on one
        base_url=llm["api_base"],
        organization=llm["organization"],
        default_headers=llm["additional_headers"],
        timeout=llm["timeout_seconds"] or None,
        max_retries=llm["retry"]["attempts"] - 1,
    )
