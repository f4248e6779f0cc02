"""Adapters by type: what the ``agent`` block of a config names, made into something with hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.models.config_agent import HTTPAgentConfig, OpenAIAgentConfig, PythonAgentConfig

if TYPE_CHECKING:
    from atlas_otel.models.config import AtlasConfig
    from atlas_otel.runtime.loading import Places


def build_adapter(settings: AtlasConfig, places: Places) -> object:
    """The adapter. Raises AdapterError where it cannot be made, ConfigError where an extra is missing."""
    config = settings.agent
    if isinstance(config, PythonAgentConfig):
        from atlas_otel.runtime.agents.python import load_python_agent

        return load_python_agent(config, places)
    if isinstance(config, HTTPAgentConfig):
        from atlas_otel.runtime.agents.http_api import HTTPAgent

        return HTTPAgent(config)
    if isinstance(config, OpenAIAgentConfig):
        from atlas_otel.runtime.agents.openai import OpenAIAgent

        return OpenAIAgent(config, tool_choice=settings.student.tool_choice)
    from atlas_otel.runtime.agents.self_managed import load_self_managed

    return load_self_managed(config, places)
