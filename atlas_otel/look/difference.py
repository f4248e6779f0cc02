"""Two sessions, or two attempts at a step, side by side: task, plan, messages, tools, verdicts, rewards. Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from atlas_otel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from atlas_otel.models.rows import SessionRows, StepResultRow

Mark: TypeAlias = Literal["=", "|", "<", ">"]
"""Of a pair of lines: the same, changed, on the left only, on the right only."""

_NAME: Final = re.compile(r"(?P<session>.+?)(?:@(?P<step>\d+)(?:\.(?P<attempt>\d+))?)?")


class Side(NamedTuple):
    """What is compared: a session, a step of it, or one attempt at that step."""

    session: str
    step: int | None = None
    attempt: int | None = None


class Pair(NamedTuple):
    """A line of each side; None where a side has none."""

    mark: Mark
    left: str | None
    right: str | None


class Section(NamedTuple):
    """What two sides say of one matter, such as the plan or the output of a step."""

    heading: str
    pairs: list[Pair]

    @property
    def same(self) -> bool:
        """Whether both sides say the same."""
        return all(pair.mark == "=" for pair in self.pairs)


def side(name: str) -> Side:
    """What ``name`` means: a session's name, then ``@STEP`` or ``@STEP.ATTEMPT``.

    >>> side("12@2.1")
    Side(session='12', step=2, attempt=1)

    Raises UsageError for an empty name.
    """
    found = _NAME.fullmatch(name.strip())
    if found is None:
        raise UsageError("name a session, SESSION@STEP, or SESSION@STEP.ATTEMPT")
    step, attempt = found["step"], found["attempt"]
    return Side(found["session"], int(step) if step else None, int(attempt) if attempt else None)


def compare(left: Mapping[str, list[str]], right: Mapping[str, list[str]]) -> list[Section]:
    """The sections of both sides in the order of the left one's, then those that only the right one has."""
    headings = list(dict.fromkeys([*left, *right]))
    return [Section(heading, list(_pairs(left.get(heading, []), right.get(heading, [])))) for heading in headings]


def document(rows: SessionRows, of: Side) -> dict[str, list[str]]:
    """What ``rows`` say of one side, as lines under headings.

    Raises UsageError for a step or an attempt that the session does not have.
    """
    if of.step is None:
        return _session(rows)
    step = next((one for one in rows.steps if one.step_id == of.step), None)
    if step is None:
        known = ", ".join(str(one.step_id) for one in rows.steps) or "none"
        raise UsageError(f"session {of.session} has no step {of.step}; it has {known}")
    attempts = _attempts(rows, step)
    if of.attempt is None:
        return dict(_step_sections(rows, step, attempts))
    if of.attempt not in attempts:
        known = ", ".join(map(str, attempts)) or "none"
        raise UsageError(f"step {of.step} of session {of.session} has no attempt {of.attempt}; it has {known}")
    return _attempt(attempts[of.attempt])


def _session(rows: SessionRows) -> dict[str, list[str]]:
    session = rows.session
    steps = rows.plan.get("steps")
    planned = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    found: dict[str, list[str]] = {
        "task": _lines(session.task),
        "status": [session.status],
        "answer": _lines(session.final_answer),
        "reward": _reward(session.reward),
        "plan": [f"{step.get('id')}. {step.get('description')}" for step in planned],
    }
    for step in rows.steps:
        for heading, lines in _step_sections(rows, step, _attempts(rows, step)):
            found[f"step {step.step_id}, {heading}"] = lines
    return found


def _step_sections(
    rows: SessionRows, step: StepResultRow, attempts: Mapping[int, Mapping[str, Any]]
) -> Iterator[tuple[str, list[str]]]:
    for number, attempt in attempts.items():
        for heading, lines in _attempt(attempt).items():
            yield f"attempt {number}, {heading}" if len(attempts) > 1 else heading, lines
    notes = [note.note for note in rows.guidance if note.step_id == step.step_id]
    yield "guidance", [line for note in notes for line in _lines(note)]


def _attempts(rows: SessionRows, step: StepResultRow) -> dict[int, Mapping[str, Any]]:
    """The attempts at a step by number; one that is alone has its output and trace in the step itself."""
    history = (step.metadata or {}).get("attempt_history")
    kept: dict[int, Mapping[str, Any]] = {}
    for entry in history if isinstance(history, list) else []:
        if isinstance(entry, dict) and isinstance(number := entry.get("attempt"), int):
            kept[number] = entry
    whole = {"trace": step.trace, "output": step.output}
    judged = {one.attempt: one.evaluation for one in rows.attempts if one.step_id == step.step_id}
    numbers = sorted({*kept, *judged}) or [1]
    return {number: {**whole, **kept.get(number, {}), "evaluation": judged.get(number)} for number in numbers}


def _attempt(attempt: Mapping[str, Any]) -> dict[str, list[str]]:
    evaluation = attempt.get("evaluation")
    evaluation = evaluation if isinstance(evaluation, dict) else {}
    return {
        "messages and tools": _lines(attempt.get("trace")),
        "output": _lines(attempt.get("output")),
        "validation": _validation(evaluation.get("validation")),
        "reward": _reward(evaluation.get("reward")),
    }


def _validation(found: Any) -> list[str]:
    if not isinstance(found, dict) or found.get("valid") is None:
        return []
    verdict = "passed" if found["valid"] else "failed"
    return [f"{verdict}: {found['reason']}" if found.get("reason") else verdict]


def _reward(found: Any) -> list[str]:
    if not isinstance(found, dict) or not isinstance(found.get("score"), (int, float)):
        return []
    return [f"{found['score']:.2f}", *_lines(found.get("rationale"))]


def _lines(text: Any) -> list[str]:
    return text.splitlines() if isinstance(text, str) else []


def _pairs(left: Sequence[str], right: Sequence[str]) -> Iterator[Pair]:
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Pair("=", line, line) for line in left[a:b])
            continue
        changed = min(b - a, d - c)
        for line, other in zip(left[a : a + changed], right[c : c + changed], strict=True):
            yield Pair("|", line, other)
        yield from (Pair("<", line, None) for line in left[a + changed : b])
        yield from (Pair(">", None, line) for line in right[c + changed : d])
