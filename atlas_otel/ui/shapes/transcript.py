"""One session: its head, its steps with their attempts, its skeleton, and what each span holds, on demand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from atlas_otel.ui.shapes.base import Answer, Asked, Json, Revision
from atlas_otel.ui.shapes.review import ReviewState
from atlas_otel.ui.shapes.sessions import LineFormat, SessionItem

SpanKind = Literal["session", "step", "tool", "llm", "agent", "function", "reward", "event", "custom"]
SpanStatus = Literal["running", "succeeded", "failed"]


class Principle(Answer):
    """What a judge weighed."""

    name: str
    weight: float | None
    description: str | None


class Judge(Answer):
    """One judge's score."""

    identifier: str
    score: float | None
    rationale: str | None
    escalated: bool
    samples: int
    spread: float | None
    principles: list[Principle]


class Reward(Answer):
    """A score; ``missing`` where nobody gave one."""

    score: float | None
    missing: bool
    rationale: str | None
    judges: list[Judge]


class Attempt(Answer):
    """One attempt at a step. ``guidance`` is what the teacher said to it: it led to the next one."""

    attempt: int
    span: str | None = Field(description="Its span's id in the skeleton.")
    status: SpanStatus
    output: str | None = Field(description="Its first 20,000 characters.")
    output_chars: int
    valid: bool | None = Field(description="null where nobody judged it.")
    reason: str | None
    validation: Json = Field(description="All that validation said.")
    guidance: list[str]
    reward: Reward
    error: str | None


class Step(Answer):
    """One step of the plan, with its attempts in order."""

    step_id: int
    description: str
    tool: str | None
    tool_params: Json
    depends_on: list[Json]
    attempts: list[Attempt]
    guidance: list[str] = Field(description="All notes on the step, in order.")
    metadata: Json


class Links(Answer):
    """Where else the session is shown; null where no Jaeger is configured."""

    jaeger: str | None = Field(examples=["http://127.0.0.1:16686/trace/0af7651916cd43dd8448eb211c80319c"])


class Session(Answer):
    """One session, without the payloads of its spans."""

    item: SessionItem
    revision: Revision
    task: str
    final_answer: str
    error: str | None
    plan_mode: str | None
    steps: list[Step]
    reward: Reward
    metadata: Json
    student_learning: str | None
    teacher_learning: str | None
    trace_ids: list[str]
    links: Links
    review: ReviewState
    projection_error: str | None = Field(description="Why its rows could not be computed from its records.")


class SkeletonSpan(Answer):
    """One span in its place. Times are in milliseconds since the session's first span."""

    id: str
    parent: str | None
    kind: SpanKind
    name: str
    status: SpanStatus
    start_ms: float
    duration_ms: float | None
    step: int | None
    attempt: int | None
    actor: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    preview: str = Field(max_length=200, description="The beginning of what it gave, else of what it was given.")
    error: str | None = Field(max_length=200)
    size: int = Field(description="Bytes of its payload.")
    span_id: str | None
    trace_id: str | None


class Skeleton(Answer):
    """All spans in the order in which they began, without payloads. ``started_at`` is what the times count from."""

    revision: Revision
    started_at: datetime | None
    spans: list[SkeletonSpan]


# --- a model call -----------------------------------------------------------------------------------------------------


class TextPart(Answer):
    """What was said."""

    kind: Literal["text"]
    text: str


class ReasoningPart(Answer):
    """What a model thought; empty where only its provider can read it."""

    kind: Literal["reasoning"]
    text: str
    encrypted: bool


class ToolCallPart(Answer):
    """A tool that the model wants called. ``arguments`` is the text that it wrote."""

    kind: Literal["tool_call"]
    id: str | None
    name: str
    arguments: str


class MediaPart(Answer):
    """An image, a sound, a video or a document. ``data`` is base64, of known types up to 2 MB."""

    kind: Literal["media"]
    modality: str
    mime_type: str | None
    name: str | None
    uri: str | None
    file_id: str | None
    data: str | None
    bytes: int | None


class RefusalPart(Answer):
    """The model's words of refusal."""

    kind: Literal["refusal"]
    text: str


class OtherPart(Answer):
    """A provider's own tool, a source, or what is of no known kind, as it came."""

    kind: Literal["citation", "server_tool_call", "server_tool_result", "unknown"]
    name: str | None
    value: Json


class ToolResultPart(Answer):
    """What a tool answered."""

    kind: Literal["tool_result"]
    id: str | None
    name: str | None
    error: bool
    parts: list[
        Annotated[
            TextPart | ReasoningPart | ToolCallPart | MediaPart | RefusalPart | OtherPart, Field(discriminator="kind")
        ]
    ]


Part = Annotated[
    TextPart | ReasoningPart | ToolCallPart | ToolResultPart | MediaPart | RefusalPart | OtherPart,
    Field(discriminator="kind"),
]


class CallMessage(Answer):
    """One message. ``unread`` says why it could not be read; ``cut_bytes`` how much a limit took out."""

    role: str
    name: str | None
    parts: list[Part]
    unread: str | None
    cut_bytes: int


class CallChoice(Answer):
    """One of the answers."""

    index: int
    message: CallMessage
    finish_reason: str | None


class CallTool(Answer):
    """A tool that was offered. ``parameters`` is a JSON schema."""

    name: str
    description: str | None
    parameters: Json


class CallUsage(Answer):
    """Tokens, as the GenAI conventions count them; null where the producer did not say."""

    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None


class ModelCallView(Answer):
    """A model call, whole: what every export makes its rows of."""

    provider: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    actor: str | None
    agent: str | None
    messages: list[CallMessage]
    choices: list[CallChoice]
    tools: list[CallTool]
    parameters: Json
    usage: CallUsage | None
    cut_messages: int = Field(description="How many messages a limit left out, the oldest first.")
    cut_bytes: int
    unread: list[str]
    whole: bool = Field(description="Nothing is missing: all was read, nothing was cut, and it was answered.")
    reward: float | None
    reward_source: Literal["span", "step", "session"] | None
    excluded: bool = Field(description="A reviewer keeps it out of training.")
    correction: str | None = Field(description="A reviewer's better answer.")


class Payload(Answer):
    """What a span was given, or gave. ``text`` is null where it is over 2 MB: then ``download`` has it."""

    text: str | None
    json_text: bool = Field(description="Whether the text is JSON; else it is text as it was.")
    size: int = Field(description="Bytes.")
    download: str | None = Field(examples=["/api/v1/sessions/412/spans/00f067aa0ba902b7/payloads/output"])


class Fact(Answer):
    """One attribute of a span, as text; its first 2,000 characters."""

    name: str
    value: str


class SpanError(Answer):
    """What went wrong."""

    type: str | None
    message: str
    stack: str | None


class SpanDetail(Answer):
    """One span with its payload."""

    revision: Revision
    id: str
    span_id: str | None
    trace_id: str | None
    kind: SpanKind
    name: str
    status: SpanStatus
    started_at: datetime | None
    duration_ms: float | None
    input: Payload
    output: Payload
    error: SpanError | None
    call: ModelCallView | None = Field(description="Of a model call.")
    call_download: str | None = Field(description="Of a model call over 2 MB: where it is.")
    facts: list[Fact]
    links: Links


class RecordQuery(Asked):
    """Where to go on."""

    after: int = Field(default=0, ge=0, le=10_000_000, description="How many records to leave out.")
    limit: int = Field(default=200, ge=1, le=1000)


class RawRecord(Answer):
    """A kept record, or a row of the contract, as JSON text; ``text`` is null over 2 MB (then download the record)."""

    kind: Literal["session", "plan", "step", "attempt", "guidance", "trajectory"]
    name: str
    size: int
    text: str | None


class RawRecords(Answer):
    """The raw record, a page of it."""

    revision: Revision
    total: int
    records: list[RawRecord]


class LinesQuery(Asked):
    """Which lines."""

    format: LineFormat = "chat"


class Line(Answer):
    """One line of an export; ``text`` is null over 2 MB. ``spans`` are the spans that it is made of."""

    text: str | None
    size: int
    spans: list[str]


class LeftOut(Answer):
    """How many model calls made no line, and why."""

    reason: str
    count: int


class Lines(Answer):
    """The training lines that come of a session by itself."""

    revision: Revision
    format: str
    exported: bool = Field(description="Whether an export without options takes the session now.")
    why_not: str | None
    lines: list[Line]
    left_out: list[LeftOut]
    download: str
