"""``type: self_managed``: an agent that acts in an environment, step by step, until it submits (contract §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlas_otel.adapters import AgentAdapter
from atlas_otel.errors import AdapterError
from atlas_otel.models.adapter import AdapterCapabilities, StudentStepResult
from atlas_otel.runtime import coerce
from atlas_otel.runtime.advisor import call
from atlas_otel.runtime.loading import load_callable, working_folder

if TYPE_CHECKING:
    from atlas_otel.adapters import AdapterEventEmitter
    from atlas_otel.models.config_agent import ImportedObject, SelfManagedAgentConfig
    from atlas_otel.runtime.loading import Places

_SINGLE = "Run the task in its environment until it is done, and answer with the result."


def load_self_managed(config: SelfManagedAgentConfig, places: Places) -> SelfManagedAgent:
    """The environment and the agent, made with their options. Raises AdapterError."""
    working_folder(config.working_directory, places.config_folder)
    environment = _made(config.environment, "environment", places.folders)
    agent = _made(config.agent, "agent", places.folders)
    for owner, name, hooks in ((environment, "environment", ("areset", "astep")), (agent, "agent", ("aact",))):
        missing = [hook for hook in hooks if not callable(getattr(owner, hook, None))]
        if missing:
            raise AdapterError(f"agent.{name}: {type(owner).__name__} has no {' and no '.join(missing)}")
    return SelfManagedAgent(environment, agent, config)


def _made(target: ImportedObject, name: str, folders: tuple[str, ...]) -> Any:
    factory = load_callable(target.import_path, target.attribute, folders=folders)
    try:
        return factory(**target.options)
    except Exception as error:
        raise AdapterError(
            f"agent.{name}: {target.import_path}.{target.attribute} raised {type(error).__name__}: {error}"
        ) from error


class SelfManagedAgent(AgentAdapter):
    """The loop between an agent and its environment, as an adapter that owns its control loop."""

    def __init__(self, environment: Any, agent: Any, config: SelfManagedAgentConfig) -> None:
        self._environment = environment
        self._agent = agent
        self._config = config
        self._emit: AdapterEventEmitter | None = None
        self._metadata: dict[str, Any] = {}
        self._observation: Mapping[str, Any] | None = None

    async def aopen_session(
        self, *, task: str, metadata: dict[str, Any] | None = None, emit_event: AdapterEventEmitter | None = None
    ) -> AdapterCapabilities:
        """Own the loop, not stepwise."""
        self._emit = emit_event if self._config.telemetry_stream else None
        self._metadata = dict(metadata or {})
        for part in (self._environment, self._agent):
            setter = getattr(part, "set_event_emitter", None)
            if callable(setter) and self._emit is not None:
                await call(setter, self._emit)
        return AdapterCapabilities(
            control_loop="self", supports_stepwise=False, telemetry_stream=self._config.telemetry_stream
        )

    async def aplan(self, task: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
        """The agent's plan, from the first observation; one step where it has none."""
        observation = await self._reset(task)
        planned = None
        if callable(getattr(self._agent, "aplan", None)):
            planned = await call(self._agent.aplan, task=task, observation=dict(observation), metadata=self._metadata)
        if planned is not None:
            made = coerce.plan(planned, task, self_managed=True)
            if len(made.steps) > 1:  # one episode is one step, whatever the agent means to do in it
                made = coerce.folded(made, task)
            return made.model_dump()
        description = self._config.plan_description or _SINGLE
        return {"steps": [{"id": 1, "description": description}], "execution_mode": "single_shot"}

    async def aexecute(
        self, task: str, plan: dict[str, Any], step: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> StudentStepResult:
        """One episode. A retry begins with a fresh environment and is told the guidance in its metadata."""
        told = {**self._metadata, **(metadata or {})}
        observation = self._observation if self._observation is not None else await self._reset(task, told)
        self._observation = None
        trajectory: list[dict[str, Any]] = []
        submitted: Any = None
        limit = self._config.max_iterations
        while limit is None or len(trajectory) < limit:
            index = len(trajectory)
            action = _action(await call(self._agent.aact, observation.get("content"), step_index=index, metadata=told))
            await self._tell("env_action", action, index)
            turn: dict[str, Any] = {"step": index, "observation": dict(observation), "action": action}
            trajectory.append(turn)
            if action.get("submit"):
                submitted = action.get("command")
                break
            result = _stepped(await call(self._environment.astep, action, metadata=told))
            turn.update({key: result.get(key) for key in ("reward", "done", "info")})
            turn["result"] = result["observation"]
            await self._tell("tool_response", result, index)
            observation = result["observation"]
            if result.get("done"):
                break
        else:
            error = AdapterError(f"the agent did not submit within {limit} iterations (agent.max_iterations)")
            await self._tell("error", {"message": str(error), "trajectory": trajectory}, len(trajectory))
            error.trajectory = trajectory  # type: ignore[attr-defined]
            raise error
        return await self._result(task, trajectory, submitted, observation)

    async def asynthesize(
        self,
        task: str,
        plan: dict[str, Any],
        step_results: list[dict[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """What the episode came to."""
        return coerce.output_text(step_results[-1]["deliverable"]) if step_results else ""

    async def aclose(self) -> None:
        """Close the environment, unless the config leaves that to somebody else."""
        if self._config.auto_close_environment and callable(getattr(self._environment, "aclose", None)):
            await call(self._environment.aclose)

    async def _reset(self, task: str, metadata: dict[str, Any] | None = None) -> Mapping[str, Any]:
        told = self._metadata if metadata is None else metadata
        observation = _observation(await call(self._environment.areset, task=task, metadata=told))
        if callable(getattr(self._agent, "areset", None)):
            await call(self._agent.areset, task=task, metadata=told)
        self._observation = observation
        return observation

    async def _result(
        self, task: str, trajectory: list[dict[str, Any]], submitted: Any, observation: Mapping[str, Any]
    ) -> StudentStepResult:
        answer = submitted if submitted is not None else observation.get("content")
        if callable(getattr(self._agent, "asummarize", None)):
            summary = await call(self._agent.asummarize, trajectory, task=task, metadata=self._metadata)
            answer = summary if summary is not None else answer
        rewards = [turn["reward"] for turn in trajectory if isinstance(turn.get("reward"), (int, float))]
        return StudentStepResult(
            trace=coerce.json_text(trajectory),
            output=answer,
            deliverable=answer,
            metadata={
                "status": "ok",
                "iterations": len(trajectory),
                "environment_reward": sum(rewards) if rewards else None,
                "submitted": submitted is not None,
            },
            artifacts={"trajectory": trajectory},
        )

    async def _tell(self, event: str, payload: Mapping[str, Any], index: int) -> None:
        if self._emit is not None:
            await self._emit({"event": event, "payload": dict(payload), "step": index})


def _values(value: object, names: tuple[str, ...]) -> dict[str, Any] | None:
    """A mapping, or an object with the attributes ``names``, as a dict; None for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    found = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return found or None


def _observation(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {"content": value}
    values = _values(value, ("content", "metadata"))
    if values is None or "content" not in values:
        raise AdapterError(f"the environment observed {type(value).__name__}: expected {{content, metadata}} or text")
    return values


def _action(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        return {"command": value}
    values = _values(value, ("command", "submit", "metadata"))
    if values is None or not {"command", "submit"} & set(values):
        raise AdapterError(f"aact returned {type(value).__name__}: expected {{command, submit, metadata}} or text")
    return values


def _stepped(value: object) -> dict[str, Any]:
    values = _values(value, ("observation", "reward", "done", "info"))
    if values is None or "observation" not in values:
        raise AdapterError(f"astep returned {type(value).__name__}: expected {{observation, reward, done, info}}")
    return {**values, "observation": dict(_observation(values["observation"]))}
