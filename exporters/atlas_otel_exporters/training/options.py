"""What a caller asks of training rows beside the sessions: which calls, which pairs, in which form. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from atlas_otel.errors import UsageError
from atlas_otel_exporters.training.turn import GOVERNANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.training.turn import Turn

PairSource: TypeAlias = Literal["attempts", "siblings", "samples", "corrections"]
PAIR_SOURCES: Final[tuple[PairSource, ...]] = get_args(PairSource)
Unit: TypeAlias = Literal["attempt", "session"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
Arguments: TypeAlias = Literal["objects", "text"]
Events: TypeAlias = Literal["full", "text", "none"]
Normalise: TypeAlias = Literal["none", "group"]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which model calls make rows. Empty and None mean no filter.

    Without ``actors``, calls of those who govern a run (teacher, judges, triage, probe) make no row. ``valid`` takes
    the attempt's verdict: True for those that passed, False for those that were refused. ``min_reward`` and
    ``max_reward`` are about the row's reward (:attr:`Turn.reward`); a call without one fails both. ``tags``: the
    session has all of them. ``only_good`` leaves out what failed, was cut off, broke off, was refused by validation or
    has no answer.

    Raises UsageError where a number is not finite.
    """

    actors: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    steps: frozenset[int] = frozenset()
    finish_reasons: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    valid: bool | None = None
    min_reward: float | None = None
    max_reward: float | None = None
    only_good: bool = False

    def __post_init__(self) -> None:
        for name in ("min_reward", "max_reward"):
            bound = getattr(self, name)
            if bound is not None and not math.isfinite(bound):
                raise UsageError(f"{name} is {bound}; it has to be a finite number")

    def refusal(self, turn: Turn) -> str | None:
        """Why the call makes no row, in the words of the summary; None where it makes one."""
        return next((reason for reason, refuses in self._rules() if refuses(turn)), None)

    def _rules(self) -> Iterator[tuple[str, Callable[[Turn], bool]]]:
        yield "excluded by a reviewer", lambda turn: turn.excluded
        if self.actors:
            yield "another actor", lambda turn: turn.actor not in self.actors
        else:
            yield "governance call", lambda turn: turn.actor in GOVERNANCE
        if self.agents:
            yield "another agent", lambda turn: turn.agent not in self.agents
        if self.models:
            yield "another model", lambda turn: not {turn.call.request_model, turn.call.response_model} & self.models
        if self.steps:
            yield "another step", lambda turn: turn.attempt is None or turn.attempt.step not in self.steps
        if self.finish_reasons:
            yield "another finish reason", lambda turn: turn.finish_reason not in self.finish_reasons
        if self.tags:
            yield "without the tag", lambda turn: not self.tags <= set(turn.run.tags)
        if self.valid is not None:
            yield "another verdict", lambda turn: turn.attempt is None or turn.attempt.valid is not self.valid
        if self.min_reward is not None:
            yield "reward too low, or none", lambda turn: turn.reward is None or turn.reward < (self.min_reward or 0.0)
        if self.max_reward is not None:
            yield "reward too high, or none", lambda turn: turn.reward is None or turn.reward > (self.max_reward or 0.0)
        if self.only_good:
            yield from _BAD.items()


_BAD: Final[dict[str, Callable[[Turn], bool]]] = {
    "failed": lambda turn: turn.status == "failed" or (turn.attempt is not None and turn.attempt.failed),
    "never answered": lambda turn: turn.status == "open" or not turn.answered,
    "broken off": lambda turn: turn.stream_incomplete,
    "cut off by the token limit": lambda turn: turn.cut_off,
    "refused by validation": lambda turn: turn.attempt is not None and turn.attempt.valid is False,
    "cut by a recording limit": lambda turn: turn.truncated,
    "not wholly read": lambda turn: turn.unread_parts + turn.omitted_parts > 0,
}


@dataclass(frozen=True, slots=True)
class RowOptions:
    """How rows are made. ``calls``: which model calls make one.

    ``pairs``: where preference pairs come from. ``min_margin``: pairs of rewarded answers differ by at least this.
    ``same_prompt``: only pairs whose answers were given to one request. ``unit``: what an ``rl`` row is.
    ``normalise``: ``group`` writes each reward's advantage among the runs of its task. ``arguments``: of tool calls, as
    objects or as the text that the model wrote. ``events``: of the ``atlas`` format.
    ``label_threshold``: the reward from which on ``kto`` calls an answer good, where nobody gave a verdict.

    Raises UsageError where a value is not one of those.
    """

    calls: CallFilter = CallFilter()
    pairs: frozenset[PairSource] = frozenset(PAIR_SOURCES)
    min_margin: float = 0.0
    same_prompt: bool = False
    unit: Unit = "attempt"
    normalise: Normalise = "none"
    arguments: Arguments = "objects"
    events: Events = "full"
    label_threshold: float = 0.5

    def __post_init__(self) -> None:
        if unknown := sorted(self.pairs - set(PAIR_SOURCES)):
            raise UsageError(f"pairs has {', '.join(unknown)}; there are {', '.join(PAIR_SOURCES)}")
        if not self.pairs:
            raise UsageError(f"pairs is empty; name one of {', '.join(PAIR_SOURCES)}")
        if not math.isfinite(self.min_margin) or self.min_margin < 0:
            raise UsageError(f"min_margin is {self.min_margin}; it is how far two rewards differ, 0 or more")
        if not math.isfinite(self.label_threshold):
            raise UsageError(f"label_threshold is {self.label_threshold}; it has to be a finite number")
        for name, values in _CHOICES.items():
            if getattr(self, name) not in values:
                raise UsageError(f"{name} is {getattr(self, name)!r}; it has to be one of {', '.join(values)}")


_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "unit": UNITS,
    "normalise": get_args(Normalise),
    "arguments": get_args(Arguments),
    "events": get_args(Events),
}


def options_of(held: JsonObject) -> RowOptions:
    """The options that :func:`dataclasses.asdict` made ``held`` of; what else stands there is not looked at.

    Raises UsageError where they are none.
    """
    calls = held.get("calls")
    named = {one.name for one in fields(RowOptions)} - {"calls"}
    try:
        filters = {key: _as_set(value) for key, value in calls.items()} if isinstance(calls, dict) else {}
        given = {key: _as_set(value) for key, value in held.items() if key in named}
        return RowOptions(calls=CallFilter(**filters), **given)
    except TypeError as error:
        raise UsageError(f"options that this version does not know: {error}") from None


def _as_set(value: JsonValue) -> Any:
    return frozenset(value) if isinstance(value, list) else value
