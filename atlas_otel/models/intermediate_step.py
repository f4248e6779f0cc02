"""Intermediate steps (contract §1): what an agent's frameworks push while it works, and what trajectory events are.

A step is a START, any number of CHUNKs and an END, which share one ``UUID``. Values may be any JSON; NaN and infinity
are written as the strings that they are called.
"""

from __future__ import annotations

import time
import uuid
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

_OPEN: Final = ConfigDict(extra="allow", ser_json_inf_nan="strings")


class IntermediateStepCategory(str, Enum):
    """What sort of work a step is."""

    LLM = "LLM"
    TOOL = "TOOL"
    WORKFLOW = "WORKFLOW"
    TASK = "TASK"
    FUNCTION = "FUNCTION"
    CUSTOM = "CUSTOM"
    SPAN = "SPAN"


class IntermediateStepState(str, Enum):
    """Where in a step an event stands."""

    START = "START"
    CHUNK = "CHUNK"
    END = "END"


class IntermediateStepType(str, Enum):
    """Category and state of an event. ``ADAPTER_EVENT`` is a CUSTOM CHUNK that no START opens."""

    LLM_START = "LLM_START"
    LLM_NEW_TOKEN = "LLM_NEW_TOKEN"  # noqa: S105 — a kind of event
    LLM_END = "LLM_END"
    TOOL_START = "TOOL_START"
    TOOL_END = "TOOL_END"
    WORKFLOW_START = "WORKFLOW_START"
    WORKFLOW_END = "WORKFLOW_END"
    TASK_START = "TASK_START"
    TASK_END = "TASK_END"
    FUNCTION_START = "FUNCTION_START"
    FUNCTION_END = "FUNCTION_END"
    CUSTOM_START = "CUSTOM_START"
    CUSTOM_END = "CUSTOM_END"
    SPAN_START = "SPAN_START"
    SPAN_CHUNK = "SPAN_CHUNK"
    SPAN_END = "SPAN_END"
    ADAPTER_EVENT = "ADAPTER_EVENT"

    category: IntermediateStepCategory
    """The sort of work."""
    state: IntermediateStepState
    """START, CHUNK or END."""

    def __init__(self, name: str) -> None:
        custom, ends = name == "ADAPTER_EVENT", name.rpartition("_")[2]
        self.category = IntermediateStepCategory("CUSTOM" if custom else name.partition("_")[0])
        self.state = IntermediateStepState(ends) if ends in ("START", "END") else IntermediateStepState.CHUNK


class StreamEventData(BaseModel):
    """What went in, what came out, or a piece of what is coming out. Further keys are kept."""

    model_config = _OPEN

    input: Any = None
    output: Any = None
    chunk: Any = None


class UsageInfo(BaseModel):
    """Tokens of a model call. ``seconds_between_calls`` is the time since the last one."""

    model_config = _OPEN

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    num_llm_calls: int = 0
    seconds_between_calls: float = 0.0


class TraceMetadata(BaseModel):
    """The typed form of a step's metadata. Further keys are kept."""

    model_config = _OPEN

    chat_responses: Any = None
    chat_inputs: Any = None
    tool_inputs: Any = None
    tool_outputs: Any = None
    tool_info: Any = None
    span_inputs: Any = None
    span_outputs: Any = None
    provided_metadata: Any = None
    tools_schema: list[Any] = Field(default_factory=list)


class IntermediateStepPayload(BaseModel):
    """One event of a step, as it is pushed. Times are Unix seconds; further keys are kept.

    ``span_event_timestamp`` is the step's start, which only an END may carry: on START and CHUNK it is a
    ``ValidationError``.
    """

    model_config = _OPEN

    event_type: IntermediateStepType
    event_timestamp: float = Field(default_factory=time.time, allow_inf_nan=False)
    span_event_timestamp: float | None = Field(default=None, allow_inf_nan=False)
    framework: str | None = None
    name: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | TraceMetadata | None = None
    data: StreamEventData | None = None
    usage_info: UsageInfo | None = None
    UUID: str = Field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def event_category(self) -> IntermediateStepCategory:
        """The sort of work."""
        return self.event_type.category

    @property
    def event_state(self) -> IntermediateStepState:
        """START, CHUNK or END."""
        return self.event_type.state

    @model_validator(mode="after")
    def _only_an_end_knows_its_start(self) -> Self:
        if self.span_event_timestamp is not None and self.event_state is not IntermediateStepState.END:
            raise ValueError(f"span_event_timestamp belongs to an END, not to {self.event_type.value}")
        return self


class InvocationNode(BaseModel):
    """The function that a step happened in, and the one around it; ``root`` at the top."""

    model_config = ConfigDict(extra="allow")

    function_id: str
    function_name: str
    parent_id: str | None = None
    parent_name: str | None = None


class IntermediateStep(BaseModel):
    """A pushed event in its place. ``parent_id`` is the UUID of the step around it, ``root`` at the top."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")

    parent_id: str
    function_ancestry: InvocationNode
    payload: IntermediateStepPayload

    @property
    def UUID(self) -> str:
        """The step's identity."""
        return self.payload.UUID

    @property
    def name(self) -> str | None:
        """The step's name."""
        return self.payload.name

    @property
    def event_type(self) -> IntermediateStepType:
        """Category and state."""
        return self.payload.event_type

    @property
    def event_category(self) -> IntermediateStepCategory:
        """The sort of work."""
        return self.payload.event_category

    @property
    def event_state(self) -> IntermediateStepState:
        """START, CHUNK or END."""
        return self.payload.event_state

    @property
    def event_timestamp(self) -> float:
        """When it happened, in Unix seconds."""
        return self.payload.event_timestamp

    @property
    def span_event_timestamp(self) -> float | None:
        """When the step began, in Unix seconds: on an END."""
        return self.payload.span_event_timestamp

    @property
    def data(self) -> StreamEventData | None:
        """What went in, came out, or is coming out."""
        return self.payload.data

    @property
    def metadata(self) -> dict[str, Any] | TraceMetadata | None:
        """The step's metadata."""
        return self.payload.metadata

    @property
    def usage_info(self) -> UsageInfo | None:
        """Tokens."""
        return self.payload.usage_info
