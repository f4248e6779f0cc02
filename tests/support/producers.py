"""The producers that are recorded: which packages, which program of ``tests/peers/producers``, which settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TESTS: Final = Path(__file__).parents[1]
PROGRAMS: Final = TESTS / "peers" / "producers"
RECORDED: Final = TESTS / "recorded" / "producers"
_OI: Final = "openinference.instrumentation"
_OL: Final = "opentelemetry.instrumentation"
_V2: Final = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
}
_V2_NEEDS: Final = ", ".join(f"`{name}={value}`" for name, value in sorted(_V2.items()))


@dataclass(frozen=True)
class Producer:
    """One that writes spans. ``packages`` are what has to be installed, without versions; the recording has those."""

    title: str
    program: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    needs: str = ""
    """What a user has to set, for the page."""


def _instrumented(title: str, program: str, packages: str, *names: str, **more: Any) -> Producer:
    return Producer(title, program, tuple(packages.split()), names, **more)


PRODUCERS: Final[dict[str, Producer]] = {
    "openai-openinference": _instrumented(
        "openai, OpenInference", "openai_loop.py", "openai openinference-instrumentation-openai",
        f"{_OI}.openai:OpenAIInstrumentor",
    ),
    "openai-openinference-stream": _instrumented(
        "openai streaming, OpenInference", "openai_loop.py", "openai openinference-instrumentation-openai",
        f"{_OI}.openai:OpenAIInstrumentor", "stream",
    ),
    "openai-responses-openinference": _instrumented(
        "openai Responses, OpenInference", "openai_loop.py", "openai openinference-instrumentation-openai",
        f"{_OI}.openai:OpenAIInstrumentor", "responses",
    ),
    "openai-openllmetry": _instrumented(
        "openai, OpenLLMetry", "openai_loop.py", "openai opentelemetry-instrumentation-openai",
        f"{_OL}.openai:OpenAIInstrumentor",
    ),
    "openai-openllmetry-stream": _instrumented(
        "openai streaming, OpenLLMetry", "openai_loop.py", "openai opentelemetry-instrumentation-openai",
        f"{_OL}.openai:OpenAIInstrumentor", "stream",
    ),
    "openai-responses-openllmetry": _instrumented(
        "openai Responses, OpenLLMetry", "openai_loop.py", "openai opentelemetry-instrumentation-openai",
        f"{_OL}.openai:OpenAIInstrumentor", "responses",
    ),
    "openai-v2": _instrumented(
        "openai, OpenTelemetry", "openai_loop.py",
        "openai opentelemetry-instrumentation-openai-v2 opentelemetry-util-genai==0.4b0 httpx",
        f"{_OL}.openai_v2:OpenAIInstrumentor", environment=_V2,
        needs=_V2_NEEDS,
    ),
    "anthropic-openinference": _instrumented(
        "anthropic, OpenInference", "anthropic_loop.py", "anthropic openinference-instrumentation-anthropic",
        f"{_OI}.anthropic:AnthropicInstrumentor",
    ),
    "anthropic-openinference-stream": _instrumented(
        "anthropic streaming, OpenInference", "anthropic_loop.py",
        "anthropic openinference-instrumentation-anthropic", f"{_OI}.anthropic:AnthropicInstrumentor", "stream",
    ),
    "anthropic-openllmetry": _instrumented(
        "anthropic, OpenLLMetry", "anthropic_loop.py", "anthropic opentelemetry-instrumentation-anthropic",
        f"{_OL}.anthropic:AnthropicInstrumentor",
    ),
    "bedrock-openllmetry": _instrumented(
        "Bedrock, OpenLLMetry", "bedrock_loop.py", "boto3 opentelemetry-instrumentation-bedrock",
        f"{_OL}.bedrock:BedrockInstrumentor",
    ),
    "bedrock-openinference": _instrumented(
        "Bedrock, OpenInference", "bedrock_loop.py", "boto3 openinference-instrumentation-bedrock",
        f"{_OI}.bedrock:BedrockInstrumentor",
    ),
    "langfuse": _instrumented("Langfuse", "langfuse_agent.py", "langfuse openai"),
    "litellm": _instrumented(
        "LiteLLM", "litellm_agent.py", "litellm", environment={"USE_OTEL_LITELLM_REQUEST_SPAN": "true"},
        needs='`litellm.callbacks = ["otel"]`, `USE_OTEL_LITELLM_REQUEST_SPAN=true`',
    ),
    "litellm-openinference": _instrumented(
        "LiteLLM, OpenInference", "litellm_agent.py", "litellm openinference-instrumentation-litellm",
        f"{_OI}.litellm:LiteLLMInstrumentor",
    ),
    "smolagents": _instrumented(
        "smolagents, OpenInference", "smolagents_agent.py",
        "smolagents[openai] openinference-instrumentation-smolagents",
    ),
    "strands": _instrumented(
        "Strands", "strands_agent.py", "strands-agents[otel,openai]",
        environment={"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_tool_definitions"},
        needs="`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_tool_definitions`",
    ),
    "strands-latest": _instrumented(
        "Strands, latest conventions", "strands_agent.py", "strands-agents[otel,openai]",
        environment={"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental,gen_ai_tool_definitions"},
        needs="`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental,gen_ai_tool_definitions`",
    ),
    "adk": _instrumented("Google ADK", "adk_agent.py", "google-adk", environment=_V2, needs=_V2_NEEDS),
    "adk-stream": _instrumented(
        "Google ADK, streaming", "adk_agent.py", "google-adk", "stream", environment=_V2, needs=_V2_NEEDS
    ),
    "adk-openinference": _instrumented(
        "Google ADK, OpenInference", "adk_agent.py", "google-adk openinference-instrumentation-google-adk",
        f"{_OI}.google_adk:GoogleADKInstrumentor",
    ),
    "haystack": _instrumented(
        "Haystack", "haystack_agent.py", "haystack-ai opentelemetry-haystack",
        needs="`HAYSTACK_CONTENT_TRACING_ENABLED=true`, `tracing.enable_tracing(OpenTelemetryTracer(…))`",
    ),
    "haystack-openinference": _instrumented(
        "Haystack, OpenInference", "haystack_pipeline.py", "haystack-ai openinference-instrumentation-haystack",
    ),
    "autogen": _instrumented(
        "AutoGen, with OpenInference's openai", "autogen_agent.py",
        "autogen-agentchat autogen-ext[openai] openinference-instrumentation-openai",
        f"{_OI}.openai:OpenAIInstrumentor",
    ),
    "autogen-openinference": _instrumented(
        "AutoGen, OpenInference", "autogen_agent.py",
        "autogen-agentchat autogen-ext[openai] openinference-instrumentation-autogen-agentchat",
        f"{_OI}.autogen_agentchat:AutogenAgentChatInstrumentor",
    ),
    "agent-framework": _instrumented(
        "Microsoft Agent Framework", "agent_framework_agent.py", "agent-framework-core agent-framework-openai",
        needs="`enable_instrumentation(enable_sensitive_data=True)`",
    ),
    "agent-framework-responses": _instrumented(
        "Microsoft Agent Framework, Responses", "agent_framework_agent.py",
        "agent-framework-core agent-framework-openai", "responses",
        needs="`enable_instrumentation(enable_sensitive_data=True)`",
    ),
    "semantic-kernel": _instrumented(
        "Semantic Kernel", "semantic_kernel_agent.py", "semantic-kernel opentelemetry-instrumentation-logging",
        needs="`SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true`, logs sent as well as spans",
    ),
    "llamaindex": _instrumented(
        "LlamaIndex, OpenInference", "llamaindex_agent.py",
        "llama-index-core llama-index-llms-openai-like openinference-instrumentation-llama-index",
    ),
    "dspy": _instrumented("DSPy, OpenInference", "dspy_agent.py", "dspy openinference-instrumentation-dspy"),
    "mlflow": _instrumented("MLflow", "mlflow_agent.py", "mlflow openai",
        environment={"MLFLOW_ENABLE_OTLP_EXPORTER": "true"}),
    "logfire-openai": _instrumented("Logfire, openai", "logfire_loop.py", "logfire openai", "openai"),
    "logfire-openai-responses": _instrumented(
        "Logfire, openai Responses", "logfire_loop.py", "logfire openai", "openai", "responses"
    ),
    "logfire-anthropic": _instrumented("Logfire, anthropic", "logfire_loop.py", "logfire anthropic", "anthropic"),
    "openlit": _instrumented("OpenLIT, openai", "openlit_loop.py", "openlit openai", "openlit"),
    "pydantic-ai": _instrumented("pydantic-ai", "pydantic_ai_agent.py", "pydantic-ai-slim[openai]",
        needs="`Agent.instrument_all()`"),
    "openai-agents": _instrumented(
        "OpenAI Agents SDK, OpenInference", "openai_agents_agent.py",
        "openai-agents openinference-instrumentation-openai-agents",
    ),
    "openai-agents-responses": _instrumented(
        "OpenAI Agents SDK over Responses, OpenInference", "openai_agents_agent.py",
        "openai-agents openinference-instrumentation-openai-agents", "responses",
    ),
    "langgraph-openinference": _instrumented(
        "LangGraph, OpenInference", "langgraph_agent.py",
        "langgraph langchain-openai openinference-instrumentation-langchain",
        f"{_OI}.langchain:LangChainInstrumentor",
    ),
    "langgraph-openllmetry": _instrumented(
        "LangGraph, OpenLLMetry", "langgraph_agent.py",
        "langchain langgraph langchain-openai opentelemetry-instrumentation-langchain",
        f"{_OL}.langchain:LangchainInstrumentor",
    ),
    "langsmith": _instrumented(
        "LangSmith's export", "langgraph_agent.py", "langsmith[otel] langgraph langchain-openai", "langsmith",
        needs="`LANGSMITH_OTEL_ENABLED=true`, `LANGSMITH_OTEL_ONLY=true`, `LANGSMITH_TRACING=true`",
    ),
    "crewai-openinference": _instrumented(
        "CrewAI, OpenInference", "crewai_agent.py",
        "crewai openinference-instrumentation-crewai openinference-instrumentation-openai",
        f"{_OI}.crewai:CrewAIInstrumentor", f"{_OI}.openai:OpenAIInstrumentor",
    ),
    "crewai-openllmetry": _instrumented(
        "CrewAI, OpenLLMetry", "crewai_agent.py",
        "crewai opentelemetry-instrumentation-crewai opentelemetry-instrumentation-openai",
        f"{_OL}.crewai:CrewAIInstrumentor", f"{_OL}.openai:OpenAIInstrumentor",
    ),
    "genai-openinference": _instrumented(
        "google-genai, OpenInference", "genai_loop.py", "google-genai openinference-instrumentation-google-genai",
        f"{_OI}.google_genai:GoogleGenAIInstrumentor",
    ),
    "genai-opentelemetry": _instrumented(
        "google-genai, OpenTelemetry", "genai_loop.py", "google-genai<3 opentelemetry-instrumentation-google-genai",
        f"{_OL}.google_genai:GoogleGenAiSdkInstrumentor", environment=_V2,
        needs=_V2_NEEDS,
    ),
    "azure": _instrumented(
        "azure-ai-inference", "azure_loop.py", "azure-ai-inference azure-core-tracing-opentelemetry",
        needs="`AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true`, `AIInferenceInstrumentor().instrument()`",
    ),
    "mistral": _instrumented(
        "Mistral, OpenInference", "mistral_loop.py", "mistralai openinference-instrumentation-mistralai"
    ),
    "groq": _instrumented("Groq, OpenInference", "groq_loop.py", "groq openinference-instrumentation-groq"),
    "agno": _instrumented("Agno, OpenInference", "agno_agent.py", "agno openai openinference-instrumentation-agno"),
    "ollama": _instrumented("Ollama, OpenLLMetry", "ollama_loop.py", "ollama opentelemetry-instrumentation-ollama"),
    "cohere": _instrumented("Cohere, OpenLLMetry", "cohere_loop.py", "cohere<6 opentelemetry-instrumentation-cohere"),
    "vercel": _instrumented(
        "Vercel AI SDK", "vercel.mjs",
        "ai @ai-sdk/openai-compatible zod @opentelemetry/sdk-trace-node @opentelemetry/sdk-trace-base "
        "@opentelemetry/exporter-trace-otlp-http", needs="`experimental_telemetry: { isEnabled: true }`",
    ),
    "vercel-stream": _instrumented(
        "Vercel AI SDK, streamText", "vercel.mjs",
        "ai @ai-sdk/openai-compatible zod @opentelemetry/sdk-trace-node @opentelemetry/sdk-trace-base "
        "@opentelemetry/exporter-trace-otlp-http", "stream", needs="`experimental_telemetry: { isEnabled: true }`",
    ),
}  # fmt: skip


_CLI_NEEDS: Final = "its settings, see below"
PRODUCERS.update(
    {
        "codex": Producer("OpenAI Codex CLI", "command_line.py", ("@openai/codex",), ("codex",), needs=_CLI_NEEDS),
        "gemini-cli": Producer(
            "Gemini CLI", "command_line.py", ("@google/gemini-cli",), ("gemini",), needs=_CLI_NEEDS
        ),
        "copilot-cli": Producer(
            "GitHub Copilot CLI", "command_line.py", ("@github/copilot",), ("copilot",),
            needs="`COPILOT_OTEL_ENABLED=true`, `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`",
        ),
        "claude-code": Producer(
            "Claude Code", "command_line.py", ("@anthropic-ai/claude-code",), ("claude",), needs=_CLI_NEEDS
        ),
    }
)  # fmt: skip


def _loop(sdk: str, package: str, name: str) -> Producer:
    return Producer("", "one_loop.py", (sdk, package), (sdk, name))


LOOPS: Final[dict[str, Producer]] = {
    "one-loop-openai-openinference": _loop(
        "openai", "openinference-instrumentation-openai", f"{_OI}.openai:OpenAIInstrumentor"
    ),
    "one-loop-openai-openllmetry": _loop(
        "openai", "opentelemetry-instrumentation-openai", f"{_OL}.openai:OpenAIInstrumentor"
    ),
    "one-loop-anthropic-openinference": _loop(
        "anthropic", "openinference-instrumentation-anthropic", f"{_OI}.anthropic:AnthropicInstrumentor"
    ),
    "one-loop-anthropic-openllmetry": _loop(
        "anthropic", "opentelemetry-instrumentation-anthropic", f"{_OL}.anthropic:AnthropicInstrumentor"
    ),
}
"""The loop of ``one_loop.py`` over two SDKs, by two instrumentations of each."""


@dataclass(frozen=True)
class Recording:
    """What one producer sent, and what its model was asked and answered meanwhile."""

    installed: dict[str, str]
    exchanges: list[dict[str, Any]]
    signals: list[dict[str, Any]]
    """OTLP in its JSON form, in the order in which it came: documents with ``resourceSpans`` or ``resourceLogs``."""

    def text(self) -> str:
        """As a file: what was installed, each exchange, each document, a line each."""
        lines = [{"installed": self.installed}, *({"exchange": one} for one in self.exchanges), *self.signals]
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def recording(name: str) -> Recording:
    """The recording of a producer."""
    text = (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8")
    first, *rest = [json.loads(line) for line in text.split("\n") if line]
    exchanges = [line["exchange"] for line in rest if "exchange" in line]
    return Recording(first["installed"], exchanges, [line for line in rest if "exchange" not in line])
