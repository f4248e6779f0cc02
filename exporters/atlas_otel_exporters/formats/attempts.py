"""Steps and their attempts as prompt and answer: what the preference and rl formats share. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atlas_otel_exporters.formats.events import calls, text
from atlas_otel_exporters.formats.messages import message
from atlas_otel_exporters.json_text import load_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.models.json_types import JsonObject, JsonValue
    from atlas_otel_exporters.stored import StoredSession, StoredStep

_TASK: Final = frozenset({"TASK"})


class AttemptOutcome(NamedTuple):
    """One attempt at a step. ``passed`` is None where nobody judged it and it did not fail by itself."""

    step_id: int
    number: int
    span_id: str
    output: str
    passed: bool | None
    guidance: list[str]


def attempts(session: StoredSession) -> list[AttemptOutcome]:
    """The session's attempts, in the order in which they began; of those whose events say which step they are of."""
    found = []
    for call in calls(session.events, _TASK):
        given = call.input if isinstance(call.input, dict) else {}
        step = given.get("step")
        step_id = step.get("id") if isinstance(step, dict) else None
        number = given.get("attempt")
        if isinstance(step_id, int) and isinstance(number, int) and call.ended:
            outcome = call.output if isinstance(call.output, dict) else {}
            guidance = given.get("guidance")
            notes = [text(note) for note in guidance] if isinstance(guidance, list) else []
            failed = "error" in outcome or "error" in call.end
            answer = _answer(outcome.get("output"))
            found.append(AttemptOutcome(step_id, number, call.span_id, answer, _verdict(outcome, failed=failed), notes))
    return found


def prompt(
    session: StoredSession, step_id: int, steps: Sequence[StoredStep], guidance: Sequence[str] = ()
) -> list[JsonValue]:
    """What the agent was asked at a step, as messages: system prompt, task, step, earlier results, guidance.

    ``steps`` are those before it.
    """
    plan = load_object(session.plan).get("steps")
    planned: JsonObject = next(
        (
            step
            for step in (plan if isinstance(plan, list) else ())
            if isinstance(step, dict) and step.get("id") == step_id
        ),
        {},
    )
    lines = [f"Task: {session.task or ''}", f"Step {step_id}: {text(planned.get('description'))}"]
    if planned.get("tool"):
        lines.append(f"Tool: {text(planned['tool'])} {text(planned.get('tool_params'))}".rstrip())
    lines += [f"Result of step {step.step_id}: {step.output or ''}" for step in steps]
    lines += [f"Guidance: {note}" for note in guidance]
    messages: list[JsonValue] = [message("user", "\n".join(lines))]
    if system := _system_prompt(session, step_id):
        messages.insert(0, message("system", system))
    return messages


def _planned(session: StoredSession, step_id: int) -> JsonObject:
    steps = load_object(session.plan).get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict) and step.get("id") == step_id:
            return step
    return {}


def _system_prompt(session: StoredSession, step_id: int) -> str:
    for step in session.steps:
        if step.step_id == step_id and (said := load_object(step.metadata).get("executor_system_prompt")):
            return text(said)
    return text(load_object(session.metadata).get("executor_system_prompt"))


def _answer(output: JsonValue) -> str:
    # The Atlas SDK puts what it read out of an answer beside the answer's text.
    said = output.get("text") if isinstance(output, dict) else None
    return said if isinstance(said, str) else text(output)


def _verdict(outcome: JsonObject, *, failed: bool) -> bool | None:
    evaluation = outcome.get("evaluation")
    validation = evaluation.get("validation") if isinstance(evaluation, dict) else None
    valid = validation.get("valid") if isinstance(validation, dict) else None
    if failed:
        return False
    return valid if isinstance(valid, bool) else None
