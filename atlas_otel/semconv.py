"""Every attribute key, event name and span kind that atlas-otel writes or reads of its own and GenAI's names.

No other module holds one as a literal. ``gen_ai.*`` and ``error.type`` follow the OpenTelemetry GenAI semantic
conventions (status "Development"; read at semantic-conventions 0.66b2), ``atlas.*`` is ours. Each ``atlas.*`` key is
described in ``docs/reference/metadata.md``; a test holds the two together.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

SCOPE_NAME: Final = "atlas_otel"
"""Instrumentation scope of every span that our own API starts."""

Kind = Literal["session", "step", "tool", "llm", "agent", "function", "reward", "custom"]
"""What a span of ours is (``atlas.kind``); ``docs/architecture.md`` has the vocabulary."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

# --- which session and step a span belongs to; stamped at its start, on spans of others too ---------------------------
ATLAS_KIND: Final = "atlas.kind"
ATLAS_SESSION_ID: Final = "atlas.session.id"
"""The session's key: random, ours, never the trace id. Also the baggage key that joins other processes."""
ATLAS_PARENT_SESSION_ID: Final = "atlas.session.parent_id"
"""On the root of a session that was opened with ``new=True`` inside another one."""
ATLAS_STEP_ID: Final = "atlas.step.id"
ATLAS_STEP_ATTEMPT: Final = "atlas.step.attempt"
ATLAS_STEP_DESCRIPTION: Final = "atlas.step.description"
ATLAS_ACTOR: Final = "atlas.actor"
"""On whose behalf a span of a governed run works: ``teacher``, ``reward`` or ``probe``; absent on the agent's own."""

# --- what went in and what came out; JSON text ---------------------------------------------------------------------
ATLAS_NAME: Final = "atlas.name"
"""The name given in code (the span's own name may carry a prefix, such as ``execute_tool``)."""
ATLAS_TASK: Final = "atlas.task"
ATLAS_INPUT: Final = "atlas.input"
ATLAS_OUTPUT: Final = "atlas.output"
ATLAS_METADATA: Final = "atlas.metadata"
ATLAS_TAGS: Final = "atlas.tags"
ATLAS_USER_ID: Final = "user.id"
ATLAS_STREAM_CHUNKS: Final = "atlas.stream.chunks"
"""How many items a streamed output had; the output itself holds them reduced."""
ATLAS_STREAM_INCOMPLETE: Final = "atlas.stream.incomplete"
"""True where a stream was broken off or failed, so that the output is what had come until then."""
ATLAS_TRUNCATED: Final = "atlas.truncated"
"""Bytes that bounding took out of this span's values; each place says so itself, with its original size."""
ATLAS_UNFINISHED: Final = "atlas.unfinished"
"""Why a span has no end of its own: ``abandoned`` (its process died), ``fork``."""
UNFINISHED_ABANDONED: Final = "abandoned"
ATLAS_EVENTS: Final = "atlas.events"
"""All event records of a span packed into one JSON text, so that OTLP's event limits cost none of them."""
ATLAS_PUSHED_UUID: Final = "atlas.intermediate_step.uuid"
"""On a span that a pushed intermediate step opened: the step's UUID. Its trajectory events are the pushed ones."""
ATLAS_ANOMALY: Final = "atlas.intermediate_step.anomaly"
"""``end_without_start``, ``second_end``, ``chunk_after_end``, …: a pushed step that fits no open one."""

ATLAS_TARGET_TRACE_ID: Final = "atlas.target.trace_id"
"""On a reward that came late: the trace it is for. Its session is ``atlas.session.id``, else that trace's only one."""
ATLAS_TARGET_SPAN_ID: Final = "atlas.target.span_id"
"""On a reward that came late: the span it is for."""

# --- names of our event records (rows of atlas_otel.span_events, span events in Jaeger) ----------------------------
EVENT_PLAN: Final = "atlas.plan"
EVENT_METADATA: Final = "atlas.metadata"
EVENT_REWARD: Final = "gen_ai.evaluation.result"
EVENT_GUIDANCE: Final = "atlas.guidance"
EVENT_VALIDATION: Final = "atlas.validation"
EVENT_ADAPTER: Final = "atlas.adapter_event"
EVENT_INTERMEDIATE_STEP: Final = "atlas.intermediate_step"
EVENT_EXCEPTION: Final = "exception"

# --- attributes of these events as OTel backends see them ----------------------------------------------------------
ATLAS_EVENT_PAYLOAD: Final = "atlas.event.payload"
"""The event's payload as JSON text."""
ATLAS_PLAN_STEPS: Final = "atlas.plan.steps"
"""How many steps a plan has."""
ATLAS_VALIDATION_VALID: Final = "atlas.validation.valid"

# --- GenAI conventions ---------------------------------------------------------------------------------------------
GEN_AI_PREFIX: Final = "gen_ai."
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_AGENT_ID: Final = "gen_ai.agent.id"
GEN_AI_WORKFLOW_NAME: Final = "gen_ai.workflow.name"
GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_REQUEST_PREFIX: Final = "gen_ai.request."
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GEN_AI_SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
GEN_AI_TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_TYPE: Final = "gen_ai.tool.type"
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
GEN_AI_TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
GEN_AI_TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
GEN_AI_USAGE_PREFIX: Final = "gen_ai.usage."
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
GEN_AI_EVALUATION_NAME: Final = "gen_ai.evaluation.name"
GEN_AI_EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
GEN_AI_EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"

# Older names of the same, still written by some producers; read, never written.
GEN_AI_SYSTEM: Final = "gen_ai.system"
GEN_AI_PROMPT: Final = "gen_ai.prompt"
GEN_AI_COMPLETION: Final = "gen_ai.completion"
GEN_AI_TOOL_ARGUMENTS_OLD: Final = "gen_ai.tool.arguments"
GEN_AI_TOOL_RESULT_OLD: Final = "gen_ai.tool.result"
GEN_AI_USAGE_PROMPT_TOKENS: Final = "gen_ai.usage.prompt_tokens"
GEN_AI_USAGE_COMPLETION_TOKENS: Final = "gen_ai.usage.completion_tokens"
GEN_AI_USAGE_TOTAL_TOKENS: Final = "gen_ai.usage.total_tokens"

# Events of the older conventions that hold messages, and those of the current one; on the span itself.
EVENT_GEN_AI_CHOICE: Final = "gen_ai.choice"
EVENT_GEN_AI_MESSAGE_SUFFIX: Final = ".message"
EVENT_GEN_AI_PROMPT: Final = "gen_ai.content.prompt"
EVENT_GEN_AI_COMPLETION: Final = "gen_ai.content.completion"
EVENT_GEN_AI_DETAILS: Final = "gen_ai.client.inference.operation.details"

# --- OpenInference; read, never written (openinference-semantic-conventions 0.1.42) -----------------------------------
OPENINFERENCE_PREFIX: Final = "openinference."
OPENINFERENCE_KIND: Final = "openinference.span.kind"
OPENINFERENCE_INPUT: Final = "input.value"
OPENINFERENCE_INPUT_TYPE: Final = "input.mime_type"
OPENINFERENCE_OUTPUT: Final = "output.value"
OPENINFERENCE_OUTPUT_TYPE: Final = "output.mime_type"
OPENINFERENCE_INPUT_MESSAGES: Final = "llm.input_messages"
OPENINFERENCE_OUTPUT_MESSAGES: Final = "llm.output_messages"
OPENINFERENCE_PROMPTS: Final = "llm.prompts"
OPENINFERENCE_CHOICES: Final = "llm.choices"
OPENINFERENCE_TOOLS: Final = "llm.tools"
OPENINFERENCE_INVOCATION: Final = "llm.invocation_parameters"
OPENINFERENCE_MODEL: Final = "llm.model_name"
OPENINFERENCE_PROVIDER: Final = "llm.provider"
OPENINFERENCE_SYSTEM: Final = "llm.system"
OPENINFERENCE_FINISH_REASON: Final = "llm.finish_reason"
OPENINFERENCE_TOKENS_PROMPT: Final = "llm.token_count.prompt"
OPENINFERENCE_TOKENS_COMPLETION: Final = "llm.token_count.completion"
OPENINFERENCE_TOKENS_TOTAL: Final = "llm.token_count.total"
OPENINFERENCE_TOKENS_CACHED: Final = "llm.token_count.prompt_details.cache_read"
OPENINFERENCE_EMBEDDING_MODEL: Final = "embedding.model_name"
OPENINFERENCE_EMBEDDINGS: Final = "embedding.embeddings"
OPENINFERENCE_RERANKER_MODEL: Final = "reranker.model_name"
OPENINFERENCE_RERANKER_QUERY: Final = "reranker.query"
OPENINFERENCE_RERANKER_INPUT: Final = "reranker.input_documents"
OPENINFERENCE_RERANKER_OUTPUT: Final = "reranker.output_documents"
OPENINFERENCE_DOCUMENTS: Final = "retrieval.documents"
OPENINFERENCE_TOOL_NAME: Final = "tool.name"
OPENINFERENCE_TOOL_ID: Final = "tool.id"
OPENINFERENCE_TOOL_CALL_ID: Final = "tool_call.id"
OPENINFERENCE_TOOL_CALL_ARGUMENTS: Final = "tool_call.function.arguments"
OPENINFERENCE_AGENT_NAME: Final = "agent.name"
OPENINFERENCE_SESSION_ID: Final = "session.id"
OPENINFERENCE_METADATA: Final = "metadata"
OPENINFERENCE_TAGS: Final = "tag.tags"
OPENINFERENCE_EVALUATIONS: Final = "evaluations"

# --- OpenLLMetry; read, never written ---------------------------------------------------------------------------------
TRACELOOP_PREFIX: Final = "traceloop."
TRACELOOP_KIND: Final = "traceloop.span.kind"
TRACELOOP_ENTITY_NAME: Final = "traceloop.entity.name"
TRACELOOP_ENTITY_INPUT: Final = "traceloop.entity.input"
TRACELOOP_ENTITY_OUTPUT: Final = "traceloop.entity.output"
TRACELOOP_ASSOCIATION: Final = "traceloop.association.properties."
LLM_PREFIX: Final = "llm."
LLM_REQUEST_TYPE: Final = "llm.request.type"
LLM_REQUEST_FUNCTIONS: Final = "llm.request.functions"
LLM_USAGE_TOTAL_TOKENS: Final = "llm.usage.total_tokens"

# --- pydantic-ai, beside the GenAI conventions; read, never written ---------------------------------------------------
PYDANTIC_AI_SCOPE: Final = "pydantic-ai"
PYDANTIC_AI_MESSAGES: Final = "pydantic_ai.all_messages"
PYDANTIC_AI_RESULT: Final = "final_result"
PYDANTIC_AI_TOOL_ARGUMENTS: Final = "tool_arguments"
PYDANTIC_AI_TOOL_RESPONSE: Final = "tool_response"
PYDANTIC_AI_EVENTS: Final = "events"
PYDANTIC_AI_AGENT_EVENTS: Final = "all_messages_events"
PYDANTIC_AI_EVENT_NAME: Final = "event.name"

# --- the Model Context Protocol ---------------------------------------------------------------------------------------
MCP_METHOD: Final = "mcp.method.name"

OPERATION_CHAT: Final = "chat"
OPERATION_EXECUTE_TOOL: Final = "execute_tool"
OPERATION_INVOKE_AGENT: Final = "invoke_agent"

# --- general -------------------------------------------------------------------------------------------------------
ERROR_TYPE: Final = "error.type"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
SERVICE_NAME: Final = "service.name"

ROOT_STEP: Final = "root"
"""``parent_id`` of a step that nothing encloses, and the root function's id and name (contract §1)."""
NOT_CAPTURED: Final = "[not captured]"
"""What ``sessions.task`` holds where content capture is off."""
