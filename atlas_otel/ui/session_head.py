"""A session's head: its steps with their attempts, verdicts and guidance, without any span's payload. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atlas_otel.models.evaluation import finite, score_of
from atlas_otel.records.exact_json import load, load_object
from atlas_otel.ui.shapes import transcript as shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredSession, StoredStep

_OUTPUT: Final = 20_000


def steps(session: StoredSession, spans: Mapping[tuple[int, int], str]) -> list[shapes.Step]:
    """The steps in order. ``spans``: the id of the span of each step and attempt."""
    planned = {one.get("id"): one for one in _objects(load_object(session.plan).get("steps"))}
    return [_step(one, planned.get(one.step_id, {}), spans) for one in session.steps]


def reward(value: JsonValue, stats: JsonObject | None = None) -> shapes.Reward:
    """A stored reward; ``stats`` where the score stands apart from it."""
    held = _object(value)
    score = score_of(held)
    if score is None and stats is not None:
        score = score_of(stats)
    return shapes.Reward(
        score=score,
        missing=score is None,
        rationale=_text(held.get("rationale")),
        judges=[_judge(one) for one in _objects(held.get("judges"))],
    )


def _step(step: StoredStep, planned: JsonObject, spans: Mapping[tuple[int, int], str]) -> shapes.Step:
    metadata = load_object(step.metadata)
    kept = {one.get("attempt"): one for one in _objects(metadata.get("attempt_history"))}
    judged: dict[int, JsonObject] = {one.attempt: load_object(one.evaluation) for one in step.history}
    numbers = sorted({one for one in [*kept, *judged] if isinstance(one, int)}) or [1]
    last = numbers[-1]
    attempts = []
    for number in numbers:
        entry = _object(kept.get(number))
        evaluation = (
            judged.get(number)
            or _object(entry.get("evaluation"))
            or (load_object(step.evaluation) if number == last else {})
        )
        output = entry.get("output", step.output if number == last else None)
        attempts.append(_attempt(number, entry, evaluation, output, metadata, spans.get((step.step_id, number))))
    depends = planned.get("depends_on")
    return shapes.Step(
        step_id=step.step_id,
        description=_text(planned.get("description")) or f"step {step.step_id}",
        tool=_text(planned.get("tool")),
        tool_params=planned.get("tool_params"),
        depends_on=depends if isinstance(depends, list) else [],
        attempts=attempts,
        guidance=list(step.guidance),
        metadata={key: value for key, value in metadata.items() if key != "attempt_history"},
    )


def _attempt(
    number: int, entry: JsonObject, evaluation: JsonObject, output: JsonValue, metadata: JsonObject, span: str | None
) -> shapes.Attempt:
    validation = evaluation.get("validation")
    said = _object(validation)
    valid, guidance = said.get("valid"), entry.get("guidance")
    text = output if isinstance(output, str) or output is None else _dumped(output)
    status = entry.get("status", metadata.get("status"))
    error = entry.get("error")
    return shapes.Attempt(
        attempt=number,
        span=span,
        status="failed" if status == "failed" or error else "running" if status == "running" else "succeeded",
        output=None if text is None else text[:_OUTPUT],
        output_chars=0 if text is None else len(text),
        valid=valid if isinstance(valid, bool) else None,
        reason=_text(said.get("reason")),
        validation=validation,
        guidance=[one for one in guidance if isinstance(one, str)] if isinstance(guidance, list) else [],
        reward=reward(evaluation.get("reward")),
        error=_error(error),
    )


def _judge(judge: JsonObject) -> shapes.Judge:
    samples = _objects(judge.get("samples"))
    scores = [score for one in samples if (score := finite(one.get("score"))) is not None]
    mean = sum(scores) / len(scores) if scores else 0.0
    spread = (sum((one - mean) ** 2 for one in scores) / len(scores)) ** 0.5 if scores else None
    return shapes.Judge(
        identifier=_text(judge.get("identifier")) or "",
        score=finite(judge.get("score")),
        rationale=_text(judge.get("rationale")),
        escalated=judge.get("escalated") is True,
        samples=len(samples),
        spread=spread,
        principles=[
            shapes.Principle(
                name=_text(one.get("name")) or "",
                weight=finite(one.get("weight")),
                description=_text(one.get("description")),
            )
            for one in _objects(judge.get("principles"))
        ],
    )


def _error(error: JsonValue) -> str | None:
    if isinstance(error, dict):
        return ": ".join(one for key in ("type", "message") if (one := _text(error.get(key)))) or "failed"
    return _text(error)


def _dumped(value: JsonValue) -> str:
    from atlas_otel.records.exact_json import dump

    return dump(value).decode()


def json_of(column: bytes | None) -> Any:
    """A JSON column, parsed; None where there is none."""
    return None if column is None else load(column)


def _objects(value: JsonValue) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None
