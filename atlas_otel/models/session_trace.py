"""One exported line as typed models: ``AtlasSessionTrace`` and what it holds (contract §3).

For whoever reads or checks lines::

    trace = AtlasSessionTrace.model_validate_json(line)

Fields that the contract does not name are kept (``model_extra``): metadata keys stand at the top of a step.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, model_validator

Score: TypeAlias = Annotated[float, AllowInfNan(False)]
"""A finite number; 0.0 also stands where nobody scored, and then ``metadata.reward_missing`` is true."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="allow")


class AtlasJudgeSample(_Line):
    """One answer of a judge."""

    score: Score
    rationale: str = ""
    principles: list[Any] = Field(default_factory=list)
    uncertainty: Score | None = None
    temperature: Score | None = None


class AtlasJudge(_Line):
    """What one judge said; ``escalated`` where a larger model arbitrated, with the reason."""

    identifier: str
    score: Score
    rationale: str = ""
    principles: list[Any] = Field(default_factory=list)
    samples: list[AtlasJudgeSample] = Field(default_factory=list)
    escalated: bool = False
    escalation_reason: str | None = None


class AtlasReward(_Line):
    """A score with its judges; ``raw`` is the reward as it was stored."""

    score: Score
    judges: list[AtlasJudge] = Field(default_factory=list)
    rationale: str | None = None
    raw: dict[str, Any] | None = None


class AtlasPlanStep(_Line):
    """A step as it was planned."""

    id: int
    description: str
    tool: str | None = None
    tool_params: dict[str, Any] | None = None
    depends_on: list[int | str] = Field(default_factory=list)


class AtlasPlan(_Line):
    """The plan: every step that ran is in it."""

    steps: list[AtlasPlanStep] = Field(default_factory=list)
    execution_mode: str = "stepwise"


class AtlasStepContext(_Line):
    """What the steps before gave, by step id as text."""

    prior_results: dict[str, Any] = Field(default_factory=dict)
    prior_results_text: dict[str, str] = Field(default_factory=dict)


class AtlasStepTrace(_Line):
    """One step: what was asked, what happened in it, what came out, and what that was worth."""

    step_id: int
    description: str
    trace: str
    output: str
    reward: AtlasReward
    tool: str | None = None
    tool_params: dict[str, Any] = Field(default_factory=dict)
    context: AtlasStepContext = Field(default_factory=AtlasStepContext)
    validation: dict[str, Any] = Field(default_factory=dict)
    attempts: int = 1
    guidance: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _no_evaluation(cls, data: object) -> object:
        # The trainer would take it for the reward, and read a {validation, reward} there as score 0.
        if isinstance(data, dict) and "evaluation" in data:
            raise ValueError("a step of a line has no key `evaluation`")
        return data

    @property
    def reward_missing(self) -> bool:
        """Whether the reward's 0.0 is one that nobody gave."""
        return bool(self.metadata.get("reward_missing"))


class AtlasTrajectoryEvent(_Line):
    """One intermediate step as it was reported; the last four fields are lifted out of ``event``."""

    id: int
    event: Any
    created_at: str
    type: str | None = None
    event_type: str | None = None
    name: str | None = None
    actor: str | None = None


class AtlasSessionTrace(_Line):
    """One session: one line of the training set."""

    task: str
    final_answer: str
    plan: AtlasPlan
    steps: list[AtlasStepTrace]
    session_metadata: dict[str, Any]
    session_reward: dict[str, Any] | None = None
    trajectory_events: list[AtlasTrajectoryEvent] = Field(default_factory=list)
    student_learning: str | None = None
    teacher_learning: str | None = None
    adaptive_summary: dict[str, Any] | None = None
    triage_dossier: dict[str, Any] | None = None
    learning_key: str | None = None
    learning_history: dict[str, Any] | None = None
    teacher_notes: list[Any] | None = None
    reward_summary: dict[str, Any] | None = None
    drift: dict[str, Any] | None = None
    drift_alert: Any = None
    execution_mode: str | None = None
    review_status: str | None = None
    review_notes: str | None = None
    reward_stats: dict[str, Any] | None = None
    reward_audit: list[dict[str, Any]] | None = None
