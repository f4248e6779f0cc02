"""What hooks answer, brought into the contract's shapes. Pure; what cannot be, is an AdapterError that names it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from atlas_otel.errors import AdapterError
from atlas_otel.models.adapter import AdapterCapabilities, AdapterTelemetryEvent, Plan, Step, StudentStepResult

if TYPE_CHECKING:
    from atlas_otel.models.config_agent import Behavior
    from atlas_otel.models.json_types import JsonObject

M = TypeVar("M", bound=BaseModel)

_RESULT_FIELDS: Final = frozenset(field.name for field in dataclasses.fields(StudentStepResult))


def json_text(value: object) -> str:
    """``value`` as JSON text; what is not JSON is written as its ``str``."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def capabilities(answer: object) -> AdapterCapabilities:
    """The answer to a handshake: an ``AdapterCapabilities``, or a dict that validates as one."""
    if isinstance(answer, AdapterCapabilities):
        return answer
    if isinstance(answer, Mapping):
        return _validated(AdapterCapabilities, answer, "aopen_session")
    raise AdapterError(
        f"aopen_session returned {type(answer).__name__}: expected an AdapterCapabilities or a dict with its fields"
    )


def effective(reported: AdapterCapabilities, behavior: Behavior | None) -> AdapterCapabilities:
    """The capabilities in force: ``agent.behavior`` overrides who owns the loop."""
    if behavior is None:
        return reported
    return reported.model_copy(update={"control_loop": behavior, "supports_stepwise": behavior == "atlas"})


def event(given: object) -> JsonObject:
    """An adapter's event as its envelope: what was set, and nothing else. Raises AdapterError for anything else."""
    if isinstance(given, AdapterTelemetryEvent):
        model = given
    elif isinstance(given, Mapping):
        model = _validated(AdapterTelemetryEvent, given, "emit_event")
    else:
        raise AdapterError(f"emit_event got {type(given).__name__}: expected an AdapterTelemetryEvent or a dict")
    envelope: JsonObject = model.model_dump(exclude_none=True)
    return envelope


def plan(answer: object, task: str, *, self_managed: bool) -> Plan:
    """A plan. One without steps is, for a self-managed adapter, the one step "the task itself", ``single_shot``."""
    if isinstance(answer, str):
        answer = _parsed(answer, "aplan")
    if isinstance(answer, Plan):
        made = answer
    elif isinstance(answer, Mapping):
        values = dict(answer)
        if self_managed and not values.get("steps"):
            values["steps"] = []
        made = _validated(Plan, values, "aplan")
    elif answer is None and self_managed:
        made = Plan(steps=[])
    else:
        raise AdapterError(f"aplan returned {type(answer).__name__}: expected a Plan or a dict with its fields")
    if not made.steps:
        if not self_managed:
            raise AdapterError("aplan returned a plan without steps: expected at least one")
        return direct_plan(task)
    seen: set[int] = set()
    for step in made.steps:
        if step.id in seen:
            raise AdapterError(f"aplan returned two steps with id {step.id}: ids must be unique")
        seen.add(step.id)
    return made.model_copy(update={"execution_mode": "single_shot"}) if self_managed else made


def direct_plan(task: str) -> Plan:
    """The task itself as the one step."""
    return Plan(steps=[Step(id=1, description=task)], execution_mode="single_shot")


def folded(reviewed: Plan, task: str) -> Plan:
    """A plan folded into one step that names what it was made of (the ``coach`` lane)."""
    if len(reviewed.steps) == 1:
        return Plan(steps=[reviewed.steps[0].model_copy(update={"depends_on": []})], execution_mode="single_shot")
    parts = "\n".join(f"{number}. {step.description}" for number, step in enumerate(reviewed.steps, start=1))
    description = f"{task}\n\nFollow this plan:\n{parts}"
    return Plan(steps=[Step(id=1, description=description)], execution_mode="single_shot")


def step_result(answer: object, *, step: int, attempt: int) -> StudentStepResult:
    """What an attempt came to. A dict's other keys are kept in the metadata; bare text is the output."""
    if isinstance(answer, StudentStepResult):
        result = dataclasses.replace(answer)
    elif isinstance(answer, str):
        result = StudentStepResult(output=answer)
    elif isinstance(answer, Mapping):
        result = _result_from(answer)
    elif dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        result = _result_from({field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)})
    elif isinstance(answer, BaseModel):
        result = _result_from(answer.model_dump())
    else:
        raise AdapterError(
            f"aexecute returned {type(answer).__name__}: expected a StudentStepResult, a dict with its fields, or text"
        )
    if result.status is None and isinstance(result.metadata.get("status"), str):
        result.status = result.metadata["status"]
    if not isinstance(result.trace, str):
        result.trace = json_text(result.trace)
    if not result.trace.strip():
        result.trace = json_text({"source": "adapter", "step": step, "attempt": attempt, "trace": None})
    result.attempts = attempt
    return result


def _result_from(values: Mapping[str, Any]) -> StudentStepResult:
    known = {str(key): value for key, value in values.items() if key in _RESULT_FIELDS}
    if "output" not in known and "deliverable" not in known:
        raise AdapterError("aexecute returned neither output nor deliverable: expected at least output")
    metadata = known.get("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise AdapterError(f"aexecute returned metadata as {type(metadata).__name__}: expected a dict")
    status = known.get("status")
    if status is not None and not isinstance(status, str):
        raise AdapterError(f"aexecute returned status as {type(status).__name__}: expected a str")
    more = {str(key): value for key, value in values.items() if key not in _RESULT_FIELDS}
    known["metadata"] = {**more, **(metadata or {})}
    known["messages"] = list(known.get("messages") or [])
    known["trace"] = known.get("trace") if known.get("trace") is not None else ""
    if known.get("output") is None:
        known["output"] = known.get("deliverable", "")
    known.pop("attempts", None)
    return StudentStepResult(**known)


def output_text(output: object) -> str:
    """A step's output as the row holds it: text as it is, anything else as JSON."""
    return output if isinstance(output, str) else json_text(output)


def structured(output: object) -> object:
    """The output as JSON, where it is an object or a list, or text that is one; else None."""
    if isinstance(output, str):
        if not output.lstrip().startswith(("{", "[")):
            return None
        try:
            output = orjson.loads(output)
        except ValueError:
            return None
    return output if isinstance(output, (dict, list)) else None


def final_answer(answer: object) -> str:
    """A synthesis: text; an object or a list is written as JSON. Raises AdapterError for None."""
    if answer is None:
        raise AdapterError("asynthesize returned None: expected text")
    if isinstance(answer, str):
        return answer
    return json_text(answer) if isinstance(answer, (Mapping, list, tuple)) else str(answer)


def unsynthesized(result: StudentStepResult) -> str:
    """The final answer where nobody synthesises: a non-empty text deliverable, else the output."""
    if isinstance(result.deliverable, str) and result.deliverable.strip():
        return result.deliverable
    return output_text(result.output)


def _parsed(text: str, hook: str) -> object:
    try:
        return orjson.loads(text)
    except ValueError:
        raise AdapterError(
            f"{hook} returned text that is not JSON: expected a Plan or a dict with its fields"
        ) from None


def _validated(model: type[M], values: Mapping[Any, Any], hook: str) -> M:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in detail['loc']) or 'value'}: {detail['msg']}" for detail in error.errors()
        )
        raise AdapterError(f"{hook}: {problems}") from error
