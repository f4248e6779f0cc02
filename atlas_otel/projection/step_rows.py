"""The rows of one step: its result, its attempts and its guidance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from atlas_otel.events.guidance import GuidanceNote
from atlas_otel.events.metadata import MetadataNote
from atlas_otel.events.reward import RewardNote
from atlas_otel.events.validation import ValidationNote
from atlas_otel.models.evaluation import choose_rewards, reward_statistics, score_of, stored_reward
from atlas_otel.models.rows import GuidanceRow, StepAttemptRow, StepResultRow
from atlas_otel.projection.results import StepResult, read_result
from atlas_otel.projection.transcript import Entry, note_entries, transcript

if TYPE_CHECKING:
    from atlas_otel.events.note import TargetedNote
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.models.plan import PlanStep
    from atlas_otel.projection.node import Node, Owner

_NANOSECONDS_A_MILLISECOND = 1e6


class AttemptParts(NamedTuple):
    """What belongs to one attempt. From ``node`` on it is what stands in its spans, which is looked up only where the
    attempt has changed."""

    number: int
    owners: Sequence[Owner]
    notes: Sequence[TargetedNote]
    span_rewards: Sequence[JsonObject]
    until_ns: int | None
    """Up to when its transcript goes; None: all of it."""
    node: Node | None = None
    """Its own span; None where that hasn't come."""
    entries: Sequence[Entry] = ()
    reasoning: Sequence[JsonObject] = ()
    said: str = ""
    """What a model answered in it, or its span in a form of another instrumentation's."""


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt, judged: what its row, its step's row and its ``TASK_*`` events are made from."""

    number: int
    node: Node | None
    result: StepResult
    trace: str
    evaluation: JsonObject | None
    guidance: tuple[str, ...]
    metadata: JsonObject
    reasoning: Sequence[JsonObject]
    span_rewards: Sequence[JsonObject]

    @property
    def status(self) -> str:
        """``running``, ``succeeded`` or ``failed``."""
        return self.node.status if self.node is not None else "running"

    @property
    def error(self) -> JsonValue:
        """How it went wrong: ``{type, message}``, or what the result says of it; None where it did not."""
        if self.node is not None and (error := self.node.error_json) is not None:
            return error
        return self.result.error

    @property
    def milliseconds(self) -> float | None:
        """How long it took; None while it runs."""
        if self.node is None or self.node.span.end_ns is None:
            return None
        return round((self.node.span.end_ns - self.node.span.start_ns) / _NANOSECONDS_A_MILLISECOND, 3)

    def history(self, *, whole: bool) -> JsonObject:
        """The attempt as an entry of ``attempt_history``; ``whole``: with output and trace, where there are several."""
        entry: JsonObject = {"attempt": self.number, "evaluation": self.evaluation or {}, "status": self.status}
        if self.milliseconds is not None:
            entry["duration_ms"] = self.milliseconds
        if self.error is not None:
            entry["error"] = self.error
        if self.guidance:
            entry["guidance"] = list(self.guidance)
        if whole:
            entry["output"] = self.result.output
            entry["trace"] = self.trace
        return entry


@dataclass(frozen=True, slots=True)
class StepView:
    """All rows of one step, and the attempts they were made from."""

    plan: PlanStep
    row: StepResultRow
    attempt_rows: Sequence[StepAttemptRow]
    guidance_rows: Sequence[GuidanceRow]
    attempts: Sequence[AttemptView]
    score: float | None


def step_view(step: PlanStep, parts: Sequence[AttemptParts]) -> StepView:
    """The rows of ``step`` from what belongs to its attempts, which are ordered by number and at least one."""
    attempts = [_attempt(one) for one in parts]
    last = attempts[-1]
    notes = sorted((note for one in parts for note in one.notes if isinstance(note, GuidanceNote)), key=_order)
    score = _score(last.evaluation)
    return StepView(
        plan=step,
        row=StepResultRow(
            step_id=step.id,
            trace=_whole_trace(attempts),
            output=next((one.result.output for one in reversed(attempts) if one.result.output), ""),
            evaluation=last.evaluation,
            attempts=last.number,
            metadata=_metadata(step, attempts),
        ),
        attempt_rows=[StepAttemptRow(step.id, one.number, one.evaluation) for one in attempts],
        guidance_rows=[GuidanceRow(step.id, n, note.note) for n, note in enumerate(notes, start=1)],
        attempts=attempts,
        score=score,
    )


def _attempt(parts: AttemptParts) -> AttemptView:
    node = parts.node
    result = read_result(node.facts) if node is not None else StepResult()
    if parts.said and (not result.output or (node is not None and node.facts.kind != "step" and not result.metadata)):
        result = replace(result, output=parts.said)
    told = transcript([*parts.entries, *note_entries(parts.notes, 0)])
    metadata: JsonObject = {}
    for note in sorted((one for one in parts.notes if isinstance(one, MetadataNote)), key=_order):
        metadata |= note.values
    held = node.facts.metadata.value if node is not None and node.facts.metadata is not None else None
    given: JsonObject = dict(held) if isinstance(held, Mapping) else {}
    # A step in which nothing was observed still said something.
    trace = result.trace or told or (f"output: {result.output}" if result.output else "")
    stated = metadata.pop("trace", None)
    return AttemptView(
        number=parts.number,
        node=node,
        result=result,
        trace=stated if isinstance(stated, str) and stated else trace,
        evaluation=_evaluation(result, parts.notes),
        guidance=tuple(n.note for n in sorted((o for o in parts.notes if isinstance(o, GuidanceNote)), key=_order)),
        metadata={**given, **result.metadata, **metadata},
        reasoning=parts.reasoning,
        span_rewards=parts.span_rewards,
    )


def _evaluation(result: StepResult, notes: Sequence[TargetedNote]) -> JsonObject | None:
    """``{"validation", "reward"}``, each where there is one; None where there is neither."""
    evaluation: JsonObject = dict(result.evaluation)
    verdicts = [note for note in notes if isinstance(note, ValidationNote)]
    if verdicts:
        evaluation["validation"] = max(verdicts, key=_order).verdict
    chosen = choose_rewards((note.order, note.reward) for note in notes if isinstance(note, RewardNote))
    reward = stored_reward(chosen)
    if reward is not None:
        stats = reward_statistics(next(iter(chosen.values())))
        if stats is not None and stats["sample_count"] != 1:
            reward["stats"] = stats
        evaluation["reward"] = reward
    return evaluation or None


def _metadata(step: PlanStep, attempts: Sequence[AttemptView]) -> JsonObject:
    last = attempts[-1]
    metadata: JsonObject = {}
    for attempt in attempts:
        metadata |= attempt.metadata
    metadata.setdefault("status", last.status)
    if "reason" not in metadata and (reason := _reason(last)):
        metadata["reason"] = reason
    metadata["runtime"] = _runtime(metadata.get("runtime"), attempts)
    if reasoning := [one for attempt in attempts for one in attempt.reasoning]:
        metadata.setdefault("reasoning", list(reasoning))
    if step.tool is not None:
        metadata.setdefault("tool", step.tool)
    if step.depends_on:
        metadata.setdefault("depends_on", list(step.depends_on))
    if last.error is not None:
        metadata.setdefault("error", last.error)
    if span_rewards := [one for attempt in attempts for one in attempt.span_rewards]:
        metadata["span_rewards"] = list(span_rewards)
    metadata["attempt_history"] = [one.history(whole=len(attempts) > 1) for one in attempts]
    if _score(last.evaluation) is None:
        metadata["reward_missing"] = True
    return metadata


def _reason(attempt: AttemptView) -> str:
    """Why the last attempt went as it did: its error, else what its validation said."""
    if attempt.node is not None and attempt.node.failure is not None:
        return attempt.node.error_text
    verdict = (attempt.evaluation or {}).get("validation")
    if isinstance(verdict, Mapping):
        for name in ("reason", "rationale"):
            said = verdict.get(name)
            if isinstance(said, str) and said:
                return said
    return ""


def _runtime(given: JsonValue, attempts: Sequence[AttemptView]) -> JsonObject:
    """``runtime`` with the timings that the spans tell, below those that somebody measured."""
    runtime: JsonObject = dict(given) if isinstance(given, Mapping) else {}
    told = runtime.get("timings_ms")
    timings: JsonObject = {}
    spent = [ms for one in attempts if (ms := one.milliseconds) is not None]
    if spent:
        nodes = [one.node for one in attempts if one.node is not None]
        begin = min(node.span.start_ns for node in nodes)
        end = max(node.span.end_ns for node in nodes if node.span.end_ns is not None)
        timings = {
            "student_ms": round(sum(spent), 3),
            "total_ms": round((end - begin) / _NANOSECONDS_A_MILLISECOND, 3),
        }
    runtime["timings_ms"] = {**timings, **told} if isinstance(told, Mapping) else timings
    return runtime


def _whole_trace(attempts: Sequence[AttemptView]) -> str:
    if len(attempts) == 1:
        return attempts[0].trace
    return "\n".join(f"--- attempt {one.number} ---\n{one.trace}" for one in attempts)


def _score(evaluation: JsonObject | None) -> float | None:
    return score_of((evaluation or {}).get("reward"))


def _order(note: TargetedNote) -> tuple[int, str]:
    return note.order
