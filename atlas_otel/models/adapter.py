"""What an agent adapter is handed and what it answers with: the shapes of the handshake (contract §5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

ControlLoop: TypeAlias = Literal["atlas", "self"]
PlanMode: TypeAlias = Literal["stepwise", "single_shot"]
EventName: TypeAlias = Literal["env_action", "tool_response", "progress", "error"]


class AdapterCapabilities(BaseModel):
    """What an adapter can do: its answer to the handshake. Keys of its own are kept."""

    model_config = ConfigDict(extra="allow")

    control_loop: ControlLoop = "atlas"
    """Who owns the inner loop: ``atlas`` prompts and retries, ``self`` keeps the adapter's own."""
    supports_stepwise: bool = True
    """Whether it can take part in the ``coach`` and ``escalate`` lanes."""
    telemetry_stream: bool = False
    """Whether it will emit events. Where it is false, events are dropped and counted."""


class AdapterTelemetryEvent(BaseModel):
    """Something an adapter reports while it works. Keys of its own are kept; unset ones are left out."""

    model_config = ConfigDict(extra="allow")

    event: EventName
    payload: Any = None
    reason: str | None = None
    step: int | None = None
    timestamp: float | str | None = None
    """When it happened: Unix seconds or ISO 8601. None: when it was emitted."""
    metadata: dict[str, Any] | None = None


class Step(BaseModel):
    """One step of a plan."""

    id: int
    description: str
    tool: str | None = None
    tool_params: dict[str, Any] | None = None
    depends_on: list[int | str] = Field(default_factory=list)
    """The steps that must have run before: their ids, as numbers or text."""


class Plan(BaseModel):
    """The steps of a session, and whether they are run one by one or as a single exchange."""

    steps: list[Step]
    execution_mode: PlanMode = "stepwise"


@dataclass
class StudentStepResult:
    """What one attempt at a step came to. ``output`` is text, or anything that can be written as JSON."""

    trace: str = ""
    """What happened, for a reader or a replay."""
    output: Any = ""
    messages: list[Any] = field(default_factory=list)
    attempts: int = 1
    metadata: dict[str, Any] = field(default_factory=dict)
    """``status``, ``reason``, and whatever else."""
    status: str | None = None
    artifacts: Any = None
    deliverable: Any = None
    """The result itself where it is more than the output's text."""
