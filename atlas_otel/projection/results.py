"""What a step came to, read from its span's output: plain text, a structured result, or a whole result envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel.models.evaluation import finite
from atlas_otel.projection.messages import text_of
from atlas_otel.records.json_text import JsonText

if TYPE_CHECKING:
    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel.projection.facts import Facts

LIFTED: Final = ("status", "reason", "artifacts", "deliverable", "notes", "result", "structured_output")
"""Keys of a structured result that readers look for in the step's metadata too (contract §2)."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one attempt at a step returned. ``trace``, ``evaluation`` and ``error`` only where an envelope had them."""

    output: str = ""
    trace: str = ""
    metadata: JsonObject = field(default_factory=dict)
    evaluation: JsonObject = field(default_factory=dict)
    error: JsonValue = None


def read_result(facts: Facts) -> StepResult:
    """The result in a step span's output.

    An object with ``trace`` and ``output`` (contract §5, what ``aexecute`` returns and ``TASK_END`` carries), or that a
    pushed ``TASK_END`` carried, is an envelope around the result; anything else is the result itself.
    """
    if facts.output is None:
        return StepResult()
    value = facts.output.value
    if isinstance(value, Mapping):
        if _is_envelope(value, pushed=facts.pushed_uuid is not None):
            return _opened(value)
        return StepResult(output=facts.output.text, metadata=_lifted(value))
    if value is None:
        return StepResult()
    if isinstance(value, str):
        return StepResult(output=value, metadata=_lifted_from_text(value))
    return StepResult(output=facts.output.text)


class TaskInput(NamedTuple):
    """What a step was given in the form ``{step, context, guidance, attempt}`` (contract §5); else nothing of it."""

    step: JsonValue = None
    guidance: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether the input had that form."""
        return self.step is not None


def task_input(facts: Facts) -> TaskInput:
    """Read a step span's input."""
    value = facts.input.value if facts.input is not None else None
    if not isinstance(value, Mapping) or not isinstance(value.get("step"), Mapping) or "attempt" not in value:
        return TaskInput()
    guidance = value.get("guidance")
    notes = tuple(one for one in guidance if isinstance(one, str)) if isinstance(guidance, list) else ()
    return TaskInput(value["step"], notes)


def _is_envelope(value: Mapping[str, JsonValue], *, pushed: bool) -> bool:
    return ("trace" in value and "output" in value) or (pushed and ("output" in value or "error" in value))


def _opened(value: Mapping[str, JsonValue]) -> StepResult:
    output, held = text_of(value.get("output")), value.get("metadata")
    inner = value.get("output")
    metadata = _lifted(inner) if isinstance(inner, Mapping) else _lifted_from_text(output)
    metadata |= dict(held) if isinstance(held, Mapping) else {}
    metadata |= _lifted(value)
    runtime = value.get("runtime")
    if isinstance(runtime, Mapping):
        metadata["runtime"] = dict(runtime)
    judged = value.get("evaluation")
    return StepResult(
        output=output,
        trace=text_of(value.get("trace")),
        metadata=metadata,
        evaluation=_checked(judged) if isinstance(judged, Mapping) else {},
        error=value.get("error"),
    )


def _lifted(value: Mapping[str, JsonValue]) -> JsonObject:
    return {key: value[key] for key in LIFTED if value.get(key) is not None}


def _lifted_from_text(text: str) -> JsonObject:
    """Models answer with JSON in a string: the same keys are found there."""
    if not text.lstrip().startswith("{"):
        return {}
    value = JsonText(text).value
    return _lifted(value) if isinstance(value, dict) else {}


def _checked(evaluation: Mapping[str, JsonValue]) -> JsonObject:
    """An evaluation with its score a finite number or absent."""
    checked: JsonObject = {}
    for key, value in evaluation.items():
        if key == "reward":
            if isinstance(value, Mapping) and value:
                score = finite(value.get("score"))
                rest: JsonObject = {k: v for k, v in value.items() if k != "score"}
                checked[key] = rest if score is None else rest | {"score": score}
        elif value is not None:
            checked[key] = value
    return checked
