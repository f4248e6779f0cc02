"""Pairs of a better and a worse answer, each what a model wrote, but for corrections: these a reviewer wrote. Pure.

Two answers to one request are a pair as they are. Where guidance changed the request, or two runs never asked the
same, each answer keeps the request that it was really given to, and the pair says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from atlas_otel.calls.model_call import Choice, Message, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from atlas_otel_exporters.training.options import PairSource
    from atlas_otel_exporters.training.recorded import Recorded
    from atlas_otel_exporters.training.turn import Attempt, Turn


@dataclass(frozen=True, slots=True)
class Pair:
    """``margin`` is how much better the chosen one was scored; None where one of them was not."""

    source: PairSource
    chosen: Turn
    rejected: Turn
    margin: float | None

    @property
    def prompt_differs(self) -> bool:
        """Whether the two answers were given to different requests."""
        return _asked(self.chosen) != _asked(self.rejected)


def attempt_pairs(turns: Sequence[Turn]) -> Iterator[Pair]:
    """For each step, its best attempt against each one that failed, was refused or was scored lower.

    Where nobody judged, an attempt that did not fail counts as better than one that did.
    """
    placed = sorted((turn for turn in turns if turn.attempt is not None), key=_attempt_key)
    for _, of_step in groupby(placed, key=lambda turn: _attempt_key(turn)[0]):
        tried = [list(of_attempt) for _, of_attempt in groupby(of_step, key=_attempt_key)]
        best = max(tried, key=lambda one: (_standing(_attempt(one)), _attempt_key(one[0])))
        if _attempt(best).passed is False:
            continue
        for other in tried:
            margin = _margin(_attempt(best).reward, _attempt(other).reward)
            # Where verdict and score disagree, neither is believed.
            if margin > 0 if margin is not None else _attempt(other).passed is False:
                yield from _decisive("attempts", best, other, margin)


def sibling_pairs(runs: Sequence[Recorded]) -> Iterator[Pair]:
    """The best run of a task against each one that was scored lower: one pair for two runs.

    The pair is the first place where both were asked the same and answered otherwise. Runs without a reward have no
    place among them.
    """
    scored = [run for run in runs if run.run.reward is not None and run.turns]
    if not scored:
        return
    best = max(scored, key=lambda run: (run.run.reward, -run.run.id))
    for other in scored:
        margin = _margin(best.run.reward, other.run.reward)
        if margin is not None and margin > 0:
            yield from _decisive("siblings", best.turns, other.turns, margin)


def sample_pairs(turns: Sequence[Turn]) -> Iterator[Pair]:
    """Of several answers to one request that were scored one by one, the best against each one below it."""
    asked: dict[object, list[Turn]] = {}
    for turn in turns:
        if turn.span_reward is not None and turn.answered:
            asked.setdefault(_asked(turn), []).append(turn)
    for answers in asked.values():
        best = max(answers, key=lambda turn: turn.span_reward or 0.0)
        for other in answers:
            margin = _margin(best.span_reward, other.span_reward)
            if margin is not None and margin > 0 and _wrote(best) != _wrote(other):
                yield Pair("samples", best, other, margin)


def correction_pairs(turns: Sequence[Turn]) -> Iterator[Pair]:
    """What a reviewer wrote in an answer's place, against the answer. Both were given to one request."""
    for turn in turns:
        if turn.correction is None or not turn.answered:
            continue
        better = Choice(Message("assistant", (Text(turn.correction),)))
        corrected = replace(turn, call=replace(turn.call, choices=(better,)))
        if _wrote(corrected) != _wrote(turn):
            yield Pair("corrections", corrected, turn, None)


def _decisive(
    source: PairSource, better: Iterable[Turn], worse: Iterable[Turn], margin: float | None
) -> Iterator[Pair]:
    better = [turn for turn in better if turn.answered and turn.call.messages]
    worse = [turn for turn in worse if turn.answered and turn.call.messages]
    if not better or not worse:
        return
    asked = {_asked(turn): turn for turn in reversed(worse)}
    for chosen in better:
        rejected = asked.get(_asked(chosen))
        if rejected is not None and _wrote(chosen) != _wrote(rejected):
            yield Pair(source, chosen, rejected, margin)
            return
    chosen, rejected = better[-1], worse[-1]
    if _wrote(chosen) != _wrote(rejected) and _asked(chosen) != _asked(rejected):
        yield Pair(source, chosen, rejected, margin)


def _asked(turn: Turn) -> object:
    return repr(turn.call.messages), repr(turn.call.tools)


def _wrote(turn: Turn) -> object:
    answer = turn.answer
    return None if answer is None else (answer.text, tuple((c.name, c.arguments_text) for c in answer.tool_calls))


def _attempt(turns: Sequence[Turn]) -> Attempt:
    attempt = turns[0].attempt
    assert attempt is not None
    return attempt


def _attempt_key(turn: Turn) -> tuple[int, int]:
    return (0, 0) if turn.attempt is None else (turn.attempt.step, turn.attempt.number)


def _standing(attempt: Attempt) -> tuple[bool, float]:
    """What makes one attempt better than another: that it stands, then its score."""
    return attempt.passed is not False, attempt.reward if attempt.reward is not None else -math.inf


def _margin(better: float | None, worse: float | None) -> float | None:
    return None if better is None or worse is None else better - worse
