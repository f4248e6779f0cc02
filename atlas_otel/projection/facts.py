"""What one span says, whoever wrote it: the dialects make it, the projection reads it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from atlas_otel.calls.model_call import Usage
    from atlas_otel.models.evaluation import Reward
    from atlas_otel.records.json_text import JsonText
    from atlas_otel.semconv import Kind


class Failure(NamedTuple):
    """How a span failed. ``message`` is empty where it may not be captured."""

    type: str
    message: str = ""
    stacktrace: str = ""


class Facts(NamedTuple):
    """The facts of one span. What the producer did not say is None, empty or False.

    ``kind`` is what the span is by itself: the projection calls a session inside a session an agent. ``name`` is the
    tool's, model's, agent's or function's own, without the prefix of the span's name. ``input`` and ``output`` are
    JSON; so are messages (the GenAI conventions' form: ``[{role, parts}]``) and tool definitions.
    """

    kind: Kind
    name: str
    dialect: str
    operation: str | None = None
    model: str | None = None
    provider: str | None = None
    agent_name: str | None = None
    task: str | None = None
    input: JsonText | None = None
    output: JsonText | None = None
    input_messages: JsonText | None = None
    output_messages: JsonText | None = None
    system_instructions: JsonText | None = None
    tool_definitions: JsonText | None = None
    tool_call_id: str | None = None
    response_id: str | None = None
    """The provider's id of what it answered."""
    previous_response_id: str | None = None
    """The response that the call goes on from, whose messages the server keeps."""
    response_model: str | None = None
    tokens: JsonText | None = None
    """Token ids and logprobs that a server gave (``atlas.llm.tokens``)."""
    usage: Usage | None = None
    finish_reasons: tuple[str, ...] = ()
    error: Failure | None = None
    stream_chunks: int | None = None
    stream_incomplete: bool = False
    metadata: JsonText | None = None
    tags: tuple[str, ...] = ()
    user_id: str | None = None
    conversation_id: str | None = None
    declared_session: str | None = None
    step_id: int | None = None
    step_attempt: int | None = None
    step_description: str = ""
    pushed_uuid: str | None = None
    """The UUID of the pushed intermediate step that this span is (then its events are given back as pushed)."""
    unfinished: str | None = None
    rewards: tuple[Reward, ...] = ()
    """Evaluations that stand on the span as OpenTelemetry events, not as records of ours."""
