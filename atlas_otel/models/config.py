"""The config file of a governed run (contract §5), whole: the keys, their defaults, and what they mean."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from typing_extensions import Self

from atlas_otel.models.config_agent import AgentConfig  # noqa: TC001 - pydantic reads it
from atlas_otel.models.config_llm import LLMConfig, Seconds, Section, Share, TokenLimit
from atlas_otel.models.rubric import RubricConfig

Lane: TypeAlias = Literal["auto", "paired", "coach", "escalate"]
"""How much Atlas does around the agent (contract §5, "Lanes")."""


class StudentPrompts(Section):
    """The agent's prompt in each phase. ``{base_prompt}`` stands for the agent's ``system_prompt``."""

    planner: str
    executor: str
    synthesizer: str


class StudentConfig(Section):
    """How an agent without hooks of its own is prompted."""

    prompts: StudentPrompts | None = None
    prompt_guidance: dict[str, str] = Field(default_factory=dict)
    """A remark to add to the prompt of a phase: ``planner``, ``executor``, ``synthesizer``."""
    max_plan_tokens: TokenLimit = 2048
    max_step_tokens: TokenLimit = 2048
    max_synthesis_tokens: TokenLimit = 2048
    tool_choice: Literal["auto", "required"] = "auto"


class TeacherPrompts(Section):
    """The teacher's prompt in each phase. ``{base_prompt}`` stands for the agent's ``system_prompt``."""

    plan_review: str
    validation: str
    guidance: str


class ModelTeacherConfig(Section):
    """A model that reviews plans and validates attempts."""

    type: Literal["llm"] = "llm"
    llm: LLMConfig
    max_review_tokens: TokenLimit | None = None
    plan_cache_seconds: float = Field(default=300, ge=0)
    """For how long a reviewed plan serves again for the same task and the same plan."""
    guidance_max_tokens: TokenLimit | None = None
    validation_max_tokens: TokenLimit | None = None
    prompts: TeacherPrompts | None = None
    prompt_guidance: dict[str, str] = Field(default_factory=dict)
    """A remark to add to the prompt of a phase: ``plan_review``, ``validation``, ``guidance``."""


class PythonTeacherConfig(Section):
    """A Python function in the teacher's place: it gets by keyword what the model would be asked."""

    type: Literal["python"]
    import_path: str
    attribute: str
    working_directory: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Handed to each call as the keyword ``parameters``, if the function takes it."""
    timeout_seconds: Seconds = 60.0


def _kind_of_teacher(value: Any) -> str:
    kind = value.get("type", "llm") if isinstance(value, dict) else getattr(value, "type", "llm")
    return str(kind)


TeacherConfig: TypeAlias = Annotated[
    Annotated[ModelTeacherConfig, Tag("llm")] | Annotated[PythonTeacherConfig, Tag("python")],
    Discriminator(_kind_of_teacher),
]


class JudgesConfig(Section):
    """``rim``: the models that judge a whole session, and when the larger one is asked (contract §5, "Reward")."""

    small_model: LLMConfig | None = None
    large_model: LLMConfig | None = None
    active_judges: dict[str, bool] = Field(default_factory=lambda: {"process": True, "helpfulness": True})
    """Which aspects the judge looks at."""
    variance_threshold: float = Field(default=0.15, ge=0)
    """The larger model arbitrates where the population standard deviation of the scores is above this."""
    uncertainty_threshold: Share = 0.3
    """… or where a sample's uncertainty is above this."""
    parallel_workers: int = Field(default=4, ge=1, le=64)
    judge_prompt: str | None = None
    """What to look at in this project; added to the judge's prompt."""


class OrchestrationConfig(Section):
    """How the steps of a plan are run."""

    max_retries: int = Field(default=1, ge=0, le=1)
    step_timeout_seconds: Seconds = 900.0
    """For each call of the agent: a plan, an attempt, a synthesis. 0: no limit."""
    handshake_timeout_seconds: Seconds = 60.0
    """For ``aopen_session``, and for ``aclose``. 0: no limit."""
    max_parallel_steps: int = Field(default=1, ge=1, le=64)
    """In the ``escalate`` lane, how many steps that do not depend on each other run side by side."""
    rim_guidance_tag: str = "rim_feedback"
    """The tag around the teacher's guidance in the prompt of an agent without hooks."""
    emit_intermediate_steps: bool = True
    """Whether subscribers of ``publisher`` get the run's intermediate steps; what is recorded does not depend on it."""
    forced_mode: Lane | None = None
    """An older name of ``adaptive_teaching.mode_override``, which wins."""


class ProbeThresholds(Section):
    """From which confidence on each lane is taken; below the last one it is ``escalate``."""

    auto: Share = 0.85
    paired: Share = 0.65
    coach: Share = 0.35

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if not self.auto >= self.paired >= self.coach:
            raise ValueError("thresholds must fall: auto >= paired >= coach")
        return self


class ProbeConfig(Section):
    """The capability probe: how sure we may be of the agent, from what was learned before."""

    llm: LLMConfig | None = None
    type: Literal["llm", "python"] = "llm"
    import_path: str | None = None
    attribute: str | None = None
    thresholds: ProbeThresholds = Field(default_factory=ProbeThresholds)
    fallback_mode: Lane = "paired"
    """The lane where the probe fails, gives no answer, or is not configured."""
    evidence_limit: int = Field(default=6, ge=1, le=32)
    """How many earlier sessions the probe is shown."""
    timeout_seconds: Seconds = 15.0

    @model_validator(mode="after")
    def _target(self) -> Self:
        if self.type == "python" and not (self.import_path and self.attribute):
            raise ValueError("type: python needs import_path and attribute")
        return self


class RewardConfig(Section):
    """Who judges a session: ``rim`` (the models there), or a Python function."""

    type: Literal["rim", "python"] = "rim"
    import_path: str | None = None
    attribute: str | None = None
    working_directory: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Handed to the function as the keyword ``parameters``, if it takes it."""
    timeout_seconds: Seconds | None = None
    """None: 60 for a function; a model has a limit of its own."""
    focus_prompt: str | None = None

    @model_validator(mode="after")
    def _target(self) -> Self:
        if self.type == "python" and not self.import_path:
            raise ValueError("type: python needs import_path")
        return self


class AdaptiveTeachingConfig(Section):
    """How a lane is chosen and who judges."""

    enabled: bool = True
    certify_first_run: bool = True
    """Whether the first run of a learning key is ``paired`` whatever the probe would say."""
    mode_override: Lane | None = None
    triage_adapter: str | None = None
    """``module:function`` or ``module.function``, called with the task and the metadata."""
    default_tags: list[str] = Field(default_factory=list)
    probe: ProbeConfig = Field(default_factory=ProbeConfig)
    reward: RewardConfig = Field(default_factory=RewardConfig)
    learning_history_limit: int = Field(default=10, ge=1, le=200)

    @field_validator("default_tags", mode="before")
    @classmethod
    def _tags(cls, value: Any) -> Any:
        values = [] if value is None else value if isinstance(value, (list, tuple)) else [value]
        return [tag for tag in (str(item).strip() for item in values) if tag]


class DriftConfig(Section):
    """When a reward is unlike the earlier ones of the same learning key."""

    enabled: bool = True
    window: int = Field(default=50, ge=1)
    z_threshold: float = Field(default=3.0, ge=0)
    min_baseline: int = Field(default=5, ge=0)


class ReviewConfig(Section):
    """Which sessions a person has to approve before they are exported (contract §4)."""

    require_approval: bool = True
    default_export_statuses: list[str] = Field(default_factory=lambda: ["approved"])
    rubric: RubricConfig = Field(default_factory=RubricConfig)
    """What reviewers score on the page (``atlas-otel ui --config``)."""


class RuntimeSafetyConfig(Section):
    """The checks between a run and the training set."""

    drift: DriftConfig = Field(default_factory=DriftConfig)
    review: ReviewConfig = Field(default_factory=ReviewConfig)


class StorageConfig(Section):
    """The database. ``database_url`` takes every form that ``configure`` takes, ``embedded`` too."""

    database_url: str = Field(repr=False)  # may hold a password
    min_connections: int = Field(default=1, ge=1)
    max_connections: int = Field(default=5, ge=1)
    statement_timeout_seconds: Seconds = 30.0
    apply_schema_on_connect: bool = True


class AtlasConfig(Section):
    """A config file."""

    agent: AgentConfig
    student: StudentConfig = Field(default_factory=StudentConfig)
    teacher: TeacherConfig | None = None
    """Reviews plans and validates attempts. Without one, nothing is validated, and the rows are marked."""
    orchestration: OrchestrationConfig = Field(default_factory=OrchestrationConfig)
    rim: JudgesConfig = Field(default_factory=JudgesConfig)
    adaptive_teaching: AdaptiveTeachingConfig = Field(default_factory=AdaptiveTeachingConfig)
    runtime_safety: RuntimeSafetyConfig = Field(default_factory=RuntimeSafetyConfig)
    storage: StorageConfig | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Added to the metadata of every session."""
