"""Happenings as the lines of contract §5: for pipes, files and logs. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from atlas_otel.console.plain_text import clean, shortened
from atlas_otel.console.story import Guided, Planned, Reported, StepJudged, TaskEnded, TaskStarted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.console.story import Happening, ShownAttempt

SHOWN: Final = 400
"""Characters of a text that a line shows."""
SHOWN_ANSWER: Final = 4000
"""Characters of a final answer."""


def lines(happening: Happening) -> Iterator[str]:
    """The lines that tell of one happening; none where the contract has none for it."""
    if isinstance(happening, TaskStarted):
        yield f"=== Atlas task started: {one_line(happening.task)} ({moment(happening.time_ns)}) ==="
    elif isinstance(happening, Planned):
        yield f"Plan | {len(happening.steps)} steps"
        for number, description in happening.steps:
            yield f"  {number}. {one_line(description)}"
    elif isinstance(happening, StepJudged):
        yield " | ".join([*_step(happening.attempt, "student"), *_judged(happening)])
    elif isinstance(happening, Guided):
        where = _step(happening.attempt, "teacher") if happening.attempt is not None else ["TASK", "actor=teacher"]
        yield " | ".join([*where, f"guidance={one_line(happening.note)}"])
    elif isinstance(happening, Reported):
        fields = [f"ADAPTER {one_line(happening.event)}"]
        fields += [f"step={happening.step}"] if happening.step is not None else []
        fields += [f"reason={one_line(happening.reason)}"] if happening.reason else []
        fields += [f"data={one_line(happening.data)}"] if happening.data else []
        yield " | ".join(fields)
    elif isinstance(happening, TaskEnded):
        yield from _ended(happening)


def _step(attempt: ShownAttempt, actor: str) -> list[str]:
    number = "?" if attempt.step is None else attempt.step
    return [f"STEP {number}: {one_line(attempt.description)}", f"actor={actor}", f"attempt={attempt.number}"]


def _judged(judged: StepJudged) -> Iterator[str]:
    if judged.verdict is not None:
        yield f"validation={judged.verdict}" + (f" ({one_line(judged.reason)})" if judged.reason else "")
    if judged.duration_ms is not None:
        yield f"duration={judged.duration_ms:.0f}ms"


def _ended(ended: TaskEnded) -> Iterator[str]:
    if ended.error:
        yield f"=== Atlas task failed after {ended.seconds:.2f}s: {one_line(ended.error)} ==="
    else:
        yield f"=== Atlas task completed in {ended.seconds:.2f}s ==="
    if ended.answer:
        yield from shortened(clean(ended.answer), SHOWN_ANSWER).splitlines()
    fields = ["Summary"]
    fields += [f"execution_mode={one_line(ended.execution_mode)}"] if ended.execution_mode else []
    fields += [f"total_runtime={ended.seconds:.2f}s", f"judge_calls={ended.judge_calls}", f"attempts={ended.attempts}"]
    fields += [f"reward={ended.reward:.2f}"] if ended.reward is not None else []
    yield " | ".join(fields)


def one_line(text: str) -> str:
    """``text`` in one line of at most :data:`SHOWN` characters."""
    # Cut first, so that a megabyte is not walked for one line; white space may shrink it further.
    return shortened(" ".join(clean(text[: 4 * SHOWN]).split()), SHOWN)


def moment(time_ns: int) -> str:
    """A time of day here, to the second."""
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().isoformat(sep=" ", timespec="seconds")
