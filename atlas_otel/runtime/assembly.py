"""The parts of a run, made as its config says: the student, the teacher, the judge, the probe, the triage adapter."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_otel.config_file import load_config
from atlas_otel.errors import AdapterError, ConfigError
from atlas_otel.models.config import ModelTeacherConfig, PythonTeacherConfig, StorageConfig
from atlas_otel.runtime import prompts
from atlas_otel.runtime.advisor import FunctionAdvisor, unanswered
from atlas_otel.runtime.agents import build_adapter
from atlas_otel.runtime.judges import FunctionJudge, Judge, TieredJudge
from atlas_otel.runtime.loading import Places, load_callable, working_folder
from atlas_otel.runtime.student import Student, StudentPrompts
from atlas_otel.runtime.teacher import Teacher

if TYPE_CHECKING:
    from atlas_otel.models.config import AtlasConfig
    from atlas_otel.models.config_llm import LLMConfig
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.advisor import Actor, Advisor
    from atlas_otel.runtime.triage import TriageAdapter

FUNCTION_TIMEOUT_S = 60.0


class Governors(NamedTuple):
    """Who governs a run; None: nobody does."""

    teacher: Teacher | None
    judge: Judge | None
    probe: Advisor | None

    async def close_quietly(self) -> None:
        """Let go of connections; what goes wrong is counted."""
        advisors = [*([self.teacher.advisor] if self.teacher is not None else []), self.probe]
        for one in (*advisors, *(self.judge.advisors if self.judge is not None else ())):
            if one is None:
                continue
            try:
                await one.aclose()
            except Exception as error:
                unanswered("adapter_close", error)


@dataclass(frozen=True, slots=True)
class Assembly:
    """A config, and where it was read from."""

    config: AtlasConfig
    folder: Path | None = None
    """The config file's own; modules are looked for there too."""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Assembly:
        """Of a config file. Raises ConfigError."""
        return cls(load_config(path).config, Path(path).resolve().parent)

    def storing_in(self, database_url: str) -> Assembly:
        """The same, with another database."""
        storage = StorageConfig(database_url=database_url)
        return replace(self, config=self.config.model_copy(update={"storage": storage}))

    @property
    def places(self) -> Places:
        """Where the modules that the config names are looked for."""
        return Places(self.folder)

    @property
    def base_prompt(self) -> str:
        """The agent's system prompt."""
        return (self.config.agent.system_prompt or "").strip()

    def governors(self) -> Governors:
        """Teacher, judge and probe. Raises ConfigError where a function that the config names is not there."""
        try:
            section = "teacher"
            teacher = self.teacher()
            section = "adaptive_teaching.reward"
            judge = self.judge()
            section = "adaptive_teaching.probe"
            return Governors(teacher, judge, self.probe())
        except AdapterError as error:
            raise ConfigError(f"{section}: {error}") from error

    def student(self) -> Student:
        """The agent. Raises AdapterError where it cannot be made."""
        orchestration = self.config.orchestration
        return Student(
            build_adapter(self.config, self.places),
            self.config.agent.name,
            self.student_prompts(),
            step_timeout_s=orchestration.step_timeout_seconds,
            handshake_timeout_s=orchestration.handshake_timeout_seconds,
        )

    def student_prompts(self) -> StudentPrompts:
        """What the agent is told where it has no hooks."""
        student = self.config.student
        told = {
            phase: prompts.student_prompt(phase, student.prompts, self.base_prompt, student.prompt_guidance)
            for phase in ("planner", "executor", "synthesizer")
        }
        return StudentPrompts(
            **told,
            guidance_tag=self.config.orchestration.rim_guidance_tag,
            tokens={
                "planner": student.max_plan_tokens,
                "executor": student.max_step_tokens,
                "synthesizer": student.max_synthesis_tokens,
            },
            custom=bool(student.prompts or student.prompt_guidance.get("executor") or self.base_prompt),
        )

    def teacher(self) -> Teacher | None:
        """Who reviews and validates; None where nobody does."""
        config = self.config.teacher
        if config is None:
            return None
        if isinstance(config, PythonTeacherConfig):
            working_folder(config.working_directory, self.folder)
            advisor = self._function(config.import_path, config.attribute, config.parameters)
            return Teacher(advisor, "", "", config.timeout_seconds)
        return Teacher(
            model_advisor(config.llm, "teacher"),
            self._teacher_prompt(config, "plan_review"),
            self._teacher_prompt(config, "validation"),
            None,
            config.max_review_tokens,
            # One answer holds both.
            _sum(config.validation_max_tokens, config.guidance_max_tokens),
            config.plan_cache_seconds,
        )

    def _teacher_prompt(self, config: ModelTeacherConfig, phase: str) -> str:
        return prompts.teacher_prompt(phase, config.prompts, self.base_prompt, config.prompt_guidance)

    def judge(self) -> Judge | None:
        """Who judges the session; None where nobody does."""
        reward, rim = self.config.adaptive_teaching.reward, self.config.rim
        if reward.type == "python":
            working_folder(reward.working_directory, self.folder)
            assert reward.import_path is not None  # the config's own check
            advisor = self._function(reward.import_path, reward.attribute or "judge", reward.parameters)
            timeout = FUNCTION_TIMEOUT_S if reward.timeout_seconds is None else reward.timeout_seconds
            return FunctionJudge(advisor, timeout)
        if rim.small_model is None or not self._aspects():
            return None
        return TieredJudge(
            model_advisor(rim.small_model, "reward", limit_s=reward.timeout_seconds),
            model_advisor(rim.large_model, "reward", limit_s=reward.timeout_seconds) if rim.large_model else None,
            self._judge_prompt(),
            self._judge_prompt(arbiter=True),
            rim.variance_threshold,
            rim.uncertainty_threshold,
            rim.parallel_workers,
        )

    def _aspects(self) -> list[str]:
        return [aspect for aspect, active in self.config.rim.active_judges.items() if active]

    def _judge_prompt(self, *, arbiter: bool = False) -> str:
        config = self.config
        focus = "\n".join(filter(None, (config.rim.judge_prompt, config.adaptive_teaching.reward.focus_prompt)))
        return prompts.judge_prompt(focus, self._aspects(), arbiter=arbiter)

    def probe(self) -> Advisor | None:
        """Who is asked how sure we may be of the agent; None where nobody is."""
        config = self.config.adaptive_teaching.probe
        if config.type == "python":
            assert config.import_path is not None  # the config's own check
            assert config.attribute is not None
            return self._function(config.import_path, config.attribute, {})
        return model_advisor(config.llm, "probe") if config.llm is not None else None

    def triage_adapter(self) -> tuple[TriageAdapter | None, str]:
        """The triage adapter and its name; (None, "default") where the config names none."""
        named = self.config.adaptive_teaching.triage_adapter
        if not named:
            return None, "default"
        module, _, attribute = named.rpartition(":" if ":" in named else ".")
        if not module:
            raise ConfigError(f"adaptive_teaching.triage_adapter: expected module:function, found {named!r}")
        return load_callable(module, attribute, folders=self.places.folders), named

    def used_prompts(self) -> JsonObject:
        """Every prompt that the run may use: stored with its session."""
        told = self.student_prompts()
        used: JsonObject = {"planner": told.planner, "executor": told.executor, "synthesizer": told.synthesizer}
        if isinstance(self.config.teacher, ModelTeacherConfig):
            used["plan_review"] = self._teacher_prompt(self.config.teacher, "plan_review")
            used["validation"] = self._teacher_prompt(self.config.teacher, "validation")
        if self.config.adaptive_teaching.reward.type == "rim" and self.config.rim.small_model is not None:
            used["judge"] = self._judge_prompt()
            if self.config.rim.large_model is not None:
                used["arbiter"] = self._judge_prompt(arbiter=True)
        if self.config.adaptive_teaching.probe.llm is not None:
            used["probe"] = prompts.PROBE
        return used

    def models(self) -> JsonObject:
        """``adapter_session`` (contract §2): which agent and which models took part."""
        config = self.config
        llm = getattr(config.agent, "llm", None)
        teacher = config.teacher.llm.model if isinstance(config.teacher, ModelTeacherConfig) else None
        session: JsonObject = {"agent": config.agent.name, "type": config.agent.type}
        if llm is not None:
            session["student_model"] = llm.model
        if teacher is not None:
            session["teacher_model"] = teacher
        if config.rim.small_model is not None:
            session["judge_model"] = config.rim.small_model.model
        return session

    def _function(self, import_path: str, attribute: str, parameters: dict[str, Any]) -> FunctionAdvisor:
        function = load_callable(import_path, attribute, folders=self.places.folders)
        return FunctionAdvisor(f"{import_path}.{attribute}", function, parameters)


def _sum(*limits: int | None) -> int | None:
    return sum(limit for limit in limits if limit is not None) if all(limits) else None


def model_advisor(config: LLMConfig, actor: Actor, *, limit_s: float | None = None) -> Advisor:
    """A model behind the advisor's interface. Raises ConfigError where the extra for it is not installed."""
    from atlas_otel.runtime.model import ModelAdvisor

    return ModelAdvisor(config, actor, os.environ, limit_s)
