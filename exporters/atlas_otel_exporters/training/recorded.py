"""A session's events → its model calls, with the attempts that they stand in. Pure.

Reads what the projection wrote into ``trajectory_events``; what was recorded by the Atlas SDK is read the same way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.calls.model_call import Place
from atlas_otel.models.evaluation import finite, score_of
from atlas_otel.records.exact_json import dump, load, load_object
from atlas_otel_exporters.rewards import session_score
from atlas_otel_exporters.training.event_call import model_call
from atlas_otel_exporters.training.task_group import task_group
from atlas_otel_exporters.training.turn import Attempt, Run, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.review.event import TrainingMarks
    from atlas_otel_exporters.stored import StoredEvent, StoredSession

_STUDENT: Final = "student"


class Recorded(NamedTuple):
    """What training reads of one session."""

    run: Run
    turns: Sequence[Turn]
    refused: int = 0
    """How many further calls of the session are not wanted."""


class _Span(NamedTuple):
    """START and END of one span, put together."""

    kind: str
    uuid: str
    parent: str | None
    start: JsonObject
    end: JsonObject | None
    started: float
    ended: float | None

    @property
    def metadata(self) -> JsonObject:
        return _object(self.start.get("metadata")) | _object((self.end or {}).get("metadata"))


def read_session(session: StoredSession) -> Recorded:
    """The session's run and its model calls, in the order in which they began.

    Raises RecordError where a stored value cannot be read.
    """
    spans = _spans(session.events)
    run = read_run(session)
    attempts = _attempts(session, spans)
    rewards = _span_rewards(session)
    turns = [
        _turn(span, run, _attempt_of(span, spans, attempts), rewards, session.marks)
        for span in spans.values()
        if span.kind == "LLM"
    ]
    return Recorded(run, sorted(turns, key=lambda turn: turn.started))


def read_run(session: StoredSession) -> Run:
    """What is known of the run as a whole. Raises RecordError where a stored value cannot be read."""
    metadata = load_object(session.metadata)
    key = metadata.get("learning_key")
    tags = metadata.get("tags")
    return Run(
        id=session.id,
        key=session.key,
        task=session.task or "",
        task_group=task_group(key if isinstance(key, str) else None, session.task or ""),
        status=session.status,
        reward=session_score(session),
        agent=_text(metadata.get("agent_name")),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        created_at=None if session.created_at is None else session.created_at.isoformat(),
        ground_truth=_as_text(metadata.get("ground_truth")),
        version=_text(metadata.get("agent_version")) or _text(metadata.get("service_version")),
    )


def _spans(events: Iterable[StoredEvent]) -> dict[tuple[str, str], _Span]:
    found: dict[tuple[str, str], _Span] = {}
    for event in events:
        kind, _, state = (event.event_type or "").rpartition("_")
        if state not in ("START", "END") or kind == "CUSTOM":
            continue
        step = _object(load(event.event))
        payload = _object(step.get("payload"))
        uuid = payload.get("UUID")
        if not isinstance(uuid, str):
            continue
        parent = step.get("parent_id")
        at = finite(payload.get("event_timestamp")) or 0.0
        known = found.get((kind, uuid))
        if state == "START":
            parent_id = parent if isinstance(parent, str) else None
            end = known.end if known is not None else None
            found[kind, uuid] = _Span(kind, uuid, parent_id, payload, end, at, known.ended if known else None)
        elif known is None:
            # The Atlas SDK's END holds all, and some of its calls have no START.
            found[kind, uuid] = _Span(kind, uuid, parent if isinstance(parent, str) else None, {}, payload, at, at)
        else:
            found[kind, uuid] = known._replace(end=payload, ended=at)
    return found


def _attempts(session: StoredSession, spans: Mapping[tuple[str, str], _Span]) -> dict[tuple[int, int], Attempt]:
    evaluations: dict[tuple[int, int], JsonObject] = {}
    truths: dict[int, str | None] = {}
    for step in session.steps:
        truths[step.step_id] = _as_text(load_object(step.metadata).get("ground_truth"))
        for attempt in step.history:
            evaluations[step.step_id, attempt.attempt] = load_object(attempt.evaluation)
    found: dict[tuple[int, int], Attempt] = {}
    for span in spans.values():
        key = _step_of(span)
        if span.kind != "TASK" or key is None:
            continue
        given = _object(_object(span.start.get("data")).get("input"))
        outcome = _object(_object((span.end or {}).get("data")).get("output"))
        notes = given.get("guidance")
        found[key] = Attempt(
            step=key[0],
            number=key[1],
            failed="error" in outcome or "error" in span.metadata or outcome.get("status") == "failed",
            guidance=tuple(note for note in notes if isinstance(note, str)) if isinstance(notes, list) else (),
        )
        evaluations.setdefault(key, _object(outcome.get("evaluation")))
    for key, evaluation in evaluations.items():
        known = found.get(key) or Attempt(step=key[0], number=key[1])
        validation, reward = _object(evaluation.get("validation")), _object(evaluation.get("reward"))
        valid = validation.get("valid")
        found[key] = Attempt(
            step=known.step,
            number=known.number,
            valid=valid if isinstance(valid, bool) else None,
            reward=score_of(reward),
            failed=known.failed,
            guidance=known.guidance,
        )
    return {key: replace(attempt, ground_truth=truths.get(key[0])) for key, attempt in found.items()}


def _step_of(span: _Span) -> tuple[int, int] | None:
    metadata = span.metadata
    step, number = metadata.get("step_id"), metadata.get("attempt")
    if isinstance(step, int) and isinstance(number, int):
        return step, number
    if span.kind == "TASK":  # pushed by the Atlas SDK: what the step was given says it
        given = _object(_object(span.start.get("data")).get("input"))
        step, number = _object(given.get("step")).get("id"), given.get("attempt")
        if isinstance(step, int) and isinstance(number, int):
            return step, number
    return None


def _attempt_of(
    span: _Span, spans: Mapping[tuple[str, str], _Span], attempts: Mapping[tuple[int, int], Attempt]
) -> Attempt | None:
    by_uuid = {uuid: one for (_, uuid), one in spans.items()} if _step_of(span) is None else {}
    seen: set[str] = set()
    at: _Span | None = span
    while at is not None and at.uuid not in seen:
        key = _step_of(at)
        if key is not None:
            return attempts.get(key)
        seen.add(at.uuid)
        at = by_uuid.get(at.parent or "")
    return None


def _span_rewards(session: StoredSession) -> dict[str, float]:
    found: dict[str, float] = {}
    for column in (session.metadata, *(step.metadata for step in session.steps)):
        given = load_object(column).get("span_rewards")
        for one in given if isinstance(given, list) else ():
            span, score = _object(one).get("span_id"), finite(_object(one).get("score"))
            if isinstance(span, str) and score is not None:
                found[span] = score
    return found


def _turn(span: _Span, run: Run, attempt: Attempt | None, rewards: Mapping[str, float], marks: TrainingMarks) -> Turn:
    metadata = span.metadata
    span_id = metadata.get("span_id")
    name = span_id if isinstance(span_id, str) else span.uuid
    error = metadata.get("error")
    status: Literal["succeeded", "failed", "open"] = "succeeded"
    if span.end is None:
        status = "open"
    elif error is not None or metadata.get("status") == "failed":
        status = "failed"
    actor, agent = _text(metadata.get("actor")) or _STUDENT, _text(metadata.get("agent")) or run.agent
    step, number = (None, None) if attempt is None else (attempt.step, attempt.number)
    place = Place(session=run.key, step=step, attempt=number, span=name, actor=actor, agent=agent)
    return Turn(
        call=model_call(span.start, span.end, place),
        run=run,
        span_id=name,
        trace_id=_text(metadata.get("trace_id")),
        status=status,
        started=span.started,
        ended=span.ended,
        attempt=attempt,
        actor=actor,
        agent=agent,
        span_reward=rewards.get(name),
        stream_incomplete=_object(metadata.get("stream")).get("incomplete") is True,
        error=_failure(error),
        correction=marks.corrections.get(name),
        excluded=name in marks.excluded,
    )


def _failure(error: JsonValue) -> str | None:
    if isinstance(error, dict):
        return ": ".join(part for key in ("type", "message") if (part := _text(error.get(key)))) or "failed"
    return _text(error)


def _as_text(value: JsonValue) -> str | None:
    return value if value is None or isinstance(value, str) else dump(value).decode()


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
