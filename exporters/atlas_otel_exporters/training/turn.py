"""One model call with all that training wants to know of it: whose it was, how it ended, what it was worth. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from atlas_otel.calls.model_call import Text, Unknown
from atlas_otel.calls.openai_form import unwritten

if TYPE_CHECKING:
    from atlas_otel.calls.model_call import Message, ModelCall

RewardSource: TypeAlias = Literal["span", "step", "session"]
GOVERNANCE: Final = frozenset({"teacher", "judge", "reward", "triage", "probe", "runtime", "system"})
"""Actors that govern a run: what their models say is about the agent, and never trained on unless asked for."""
_CUT: Final = frozenset({"length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens", "incomplete"})


@dataclass(frozen=True, slots=True)
class Run:
    """The session that a call belongs to. ``task_group`` is the same for all runs of one task; None without a task."""

    id: int
    key: str | None
    task: str
    task_group: str | None
    status: str | None
    reward: float | None
    agent: str | None
    tags: tuple[str, ...]
    created_at: str | None
    ground_truth: str | None = None
    """The right answer, where the caller said so; anything but a text as JSON."""
    version: str | None = None
    """The agent's, else the service's."""

    @property
    def name(self) -> str:
        """The session's key, else its number."""
        return self.key or str(self.id)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a step. ``valid`` and ``reward`` are None where nobody judged it."""

    step: int
    number: int
    valid: bool | None = None
    reward: float | None = None
    failed: bool = False
    guidance: tuple[str, ...] = ()
    """What the teacher had said before it began."""
    ground_truth: str | None = None
    """The step's right answer, where the caller said so."""

    @property
    def passed(self) -> bool | None:
        """Whether it stands: not where it failed or was refused; None where nobody judged it."""
        return False if self.failed else self.valid


@dataclass(frozen=True, slots=True)
class Turn:
    """One model call of a run.

    ``status`` is ``succeeded``, ``failed`` or ``open`` (it never ended). Times are Unix seconds. ``span_reward`` is a
    score that somebody gave to this call alone.
    """

    call: ModelCall
    run: Run
    span_id: str
    trace_id: str | None
    status: Literal["succeeded", "failed", "open"]
    started: float
    ended: float | None = None
    attempt: Attempt | None = None
    actor: str = "student"
    agent: str | None = None
    span_reward: float | None = None
    stream_incomplete: bool = False
    error: str | None = None
    correction: str | None = None
    """What a reviewer would have had the model answer."""
    excluded: bool = False
    """Whether a reviewer keeps the call out of training."""

    @property
    def reward(self) -> float | None:
        """The nearest score: of the call, else of the attempt at its step, else of the session."""
        return self._rewarded[0]

    @property
    def reward_source(self) -> RewardSource | None:
        """Whose score :attr:`reward` is."""
        return self._rewarded[1]

    @property
    def _rewarded(self) -> tuple[float | None, RewardSource | None]:
        if self.span_reward is not None:
            return self.span_reward, "span"
        if self.attempt is not None and self.attempt.reward is not None:
            return self.attempt.reward, "step"
        return (self.run.reward, "session") if self.run.reward is not None else (None, None)

    @property
    def answer(self) -> Message | None:
        """What the model wrote: the first choice."""
        return self.call.answer

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped, in its provider's word."""
        return self.call.choices[0].finish_reason if self.call.choices else None

    @property
    def ground_truth(self) -> str | None:
        """The right answer: the step's, else the session's; None where nobody said."""
        of_step = None if self.attempt is None else self.attempt.ground_truth
        return of_step if of_step is not None else self.run.ground_truth

    @property
    def model(self) -> str | None:
        """The model that answered, else the one that was asked for."""
        return self.call.response_model or self.call.request_model

    @property
    def answered(self) -> bool:
        """Whether there is anything that the model wrote."""
        answer = self.answer
        return answer is not None and any(not isinstance(part, Text) or part.text for part in answer.parts)

    @property
    def cut_off(self) -> bool:
        """Whether the model stopped because it had no more tokens."""
        return self.finish_reason in _CUT

    @property
    def truncated(self) -> bool:
        """Whether a limit of the recording took something out of the messages."""
        return self.call.cut is not None or self.call.cut_bytes > 0

    @property
    def unread_parts(self) -> int:
        """How many parts could not be read, and for how many reasons else something was not."""
        parts = (part for message in self._messages for part in message.parts)
        return sum(isinstance(part, Unknown) for part in parts) + len(self.call.marks)

    @property
    def omitted_parts(self) -> int:
        """How many parts have no place in a row: a tool that the provider ran, data that a limit took, and the like."""
        return unwritten(self._messages)

    @property
    def _messages(self) -> tuple[Message, ...]:
        return (*self.call.messages, *(choice.message for choice in self.call.choices))
