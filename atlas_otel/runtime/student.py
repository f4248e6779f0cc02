"""The agent, whatever it is: its hooks where it has them, prompts where it only answers. Each call has a time limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.adapters import AgentAdapter
from atlas_otel.errors import AdapterError
from atlas_otel.models.adapter import AdapterCapabilities, Plan, StudentStepResult
from atlas_otel.runtime import coerce, prompts
from atlas_otel.runtime.advisor import OutOfTime, call, unanswered, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.adapters import AdapterEventEmitter
    from atlas_otel.models.adapter import Step
    from atlas_otel.models.json_types import JsonObject

HOOKS: Final = ("aopen_session", "aplan", "aexecute", "asynthesize", "ainvoke", "aclose")


@dataclass(frozen=True, slots=True)
class StudentPrompts:
    """What an agent without hooks is told in each phase."""

    planner: str
    executor: str
    synthesizer: str
    guidance_tag: str
    tokens: Mapping[str, int]
    """The most tokens of each phase's answer, for agents that are models."""
    custom: bool
    """Whether the config states the prompts; without, a plain task is asked as it is."""


class Student:
    """One adapter in one session. A hook that fails raises what it raised, which :attr:`failed` then is."""

    def __init__(
        self, adapter: object, name: str, told: StudentPrompts, *, step_timeout_s: float, handshake_timeout_s: float
    ) -> None:
        self.name = name
        self.failed: tuple[str, Exception] | None = None
        """(hook, error) of the call that went wrong."""
        self._told = told
        self._step_timeout_s = step_timeout_s
        self._handshake_timeout_s = handshake_timeout_s
        self._hooks = {hook: found for hook in HOOKS if (found := _hook(adapter, hook)) is not None}
        if "aexecute" not in self._hooks and "ainvoke" not in self._hooks:
            raise AdapterError(f"{type(adapter).__name__} has neither aexecute nor ainvoke: nothing can run the task")

    def has(self, hook: str) -> bool:
        """Whether the adapter does this itself."""
        return hook in self._hooks

    @property
    def answers(self) -> bool:
        """Whether prompts can be put to it."""
        return "ainvoke" in self._hooks

    async def open(self, task: str, metadata: JsonObject, emit: AdapterEventEmitter) -> AdapterCapabilities:
        """The handshake. Raises AdapterError for whatever goes wrong in it, with its cause."""
        hook = self._hooks.get("aopen_session")
        if hook is None:
            return AdapterCapabilities()
        limit = self._handshake_timeout_s
        try:
            answer = await within(limit, call(hook, task=task, metadata=metadata, emit_event=emit))
        except AdapterError:
            raise
        except OutOfTime as error:
            raise AdapterError(
                f"aopen_session of {self.name} did not answer within {limit:g} seconds "
                "(orchestration.handshake_timeout_seconds)"
            ) from error
        except Exception as error:
            raise AdapterError(f"aopen_session of {self.name} raised {type(error).__name__}: {error}") from error
        return coerce.capabilities(answer)

    async def plan(self, task: str, metadata: JsonObject, *, self_managed: bool) -> Plan:
        """The agent's plan: its own hook's, else its answer to the planner's prompt."""
        if "aplan" in self._hooks:
            answer = await self._call("aplan", task, metadata)
        else:
            answer = _json_in(await self._ask("planner", f"Task: {task}", metadata))
        return coerce.plan(answer, task, self_managed=self_managed)

    async def execute(
        self,
        task: str,
        plan: Plan,
        step: Step,
        *,
        attempt: int,
        context: Mapping[str, str],
        guidance: Sequence[str],
        metadata: JsonObject,
    ) -> StudentStepResult:
        """One attempt at a step."""
        if "aexecute" in self._hooks:
            answer = await self._call("aexecute", task, plan.model_dump(), step.model_dump(), metadata)
        else:
            asked = prompts.executor_request(task, step.model_dump(), context, guidance, self._told.guidance_tag)
            answer = await self._ask("executor", asked, metadata)
        return coerce.step_result(answer, step=step.id, attempt=attempt)

    async def synthesize(self, task: str, plan: Plan, results: list[JsonObject], metadata: JsonObject) -> str:
        """The final answer: its own hook's, else its answer to the synthesizer's prompt."""
        if "asynthesize" in self._hooks:
            return coerce.final_answer(await self._call("asynthesize", task, plan.model_dump(), results, metadata))
        return coerce.final_answer(await self._ask("synthesizer", prompts.synthesis_request(task, results), metadata))

    async def close_quietly(self) -> None:
        """Let the adapter clean up. The session is over: what goes wrong here is counted, and changes nothing."""
        hook = self._hooks.get("aclose")
        if hook is None:
            return
        try:
            await within(self._handshake_timeout_s, call(hook))
        except Exception as error:
            unanswered("adapter_close", error)

    async def _ask(self, phase: str, asked: str, metadata: JsonObject) -> Any:
        """Put a prompt to an agent that only answers. A model gets the system prompt apart, by its metadata."""
        system = getattr(self._told, phase)
        told: JsonObject = {**metadata, "system_prompt": system, "max_tokens": self._told.tokens[phase]}
        plain = phase == "executor" and not self._told.custom
        prompt = asked if plain or _takes_system_prompt(self._hooks["ainvoke"]) else f"{system}\n\n{asked}"
        return await self._call("ainvoke", prompt, told)

    async def _call(self, hook: str, *arguments: object) -> Any:
        try:
            return await within(self._step_timeout_s, call(self._hooks[hook], *arguments))
        except OutOfTime:
            late = TimeoutError(
                f"{hook} of {self.name} did not answer within {self._step_timeout_s:g} seconds "
                "(orchestration.step_timeout_seconds)"
            )
            self.failed = (hook, late)
            raise late from None
        except Exception as error:
            self.failed = (hook, error)
            raise


def _hook(adapter: object, name: str) -> Any:
    """The adapter's own method; None where it has none but the default one of ``AgentAdapter``."""
    found = getattr(adapter, name, None)
    if not callable(found):
        return None
    return None if getattr(found, "__func__", None) is getattr(AgentAdapter, name, None) is not None else found


def _takes_system_prompt(invoke: object) -> bool:
    """Whether the agent is one of ours that hands the system prompt on to a model by itself."""
    return bool(getattr(getattr(invoke, "__self__", None), "takes_system_prompt", False))


def _json_in(answer: object) -> object:
    """A model's JSON, where it stands in a Markdown fence."""
    if not isinstance(answer, str):
        return answer
    text = answer.strip()
    if text.startswith("```"):
        text = text.split("\n", 1)[-1].rsplit("```", 1)[0]
    return text.strip()
