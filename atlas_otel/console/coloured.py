"""Happenings in colour, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from atlas_otel.console.lines import SHOWN_ANSWER, moment, one_line
from atlas_otel.console.plain_text import clean, shortened
from atlas_otel.console.story import (
    CallEnded,
    Guided,
    Planned,
    Reported,
    StepJudged,
    StepStarted,
    TaskEnded,
    TaskStarted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.console.story import Happening, ShownAttempt

_STYLE: Final = {"PASS": "green", "FAIL": "yellow", "ERROR": "red", None: "none"}


class RichView:
    """Prints happenings to standard error. Text of the run is never read as markup."""

    def __init__(self, trace_url: Callable[[str], str | None], console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._trace_url = trace_url
        self._open: set[str] = set()
        self._encoding = self._console.encoding
        plain = not self._encoding.lower().startswith("utf")
        self._marks = (
            {"task": ">", "PASS": "+", "FAIL": "x", "ERROR": "!", None: "-", "guidance": "->", "dot": "|"}
            if plain
            else {"task": "▶", "PASS": "✔", "FAIL": "✘", "ERROR": "✘", None: "•", "guidance": "↳", "dot": "·"}
        )

    def show(self, happening: Happening) -> None:
        """Print one happening."""
        if isinstance(happening, TaskStarted):
            self._open.add(happening.session)
            self._print(
                (f"{self._marks['task']} ", "bold cyan"),
                (one_line(happening.task), "bold"),
                (f"  {moment(happening.time_ns)[11:19]}", "dim"),
                session=happening.session,
            )
        elif isinstance(happening, Planned):
            for number, description in happening.steps:
                self._print((f"  {number:>3}. {one_line(description)}", "dim"), session=happening.session)
        elif isinstance(happening, StepStarted):
            self._print((f"  {_name(happening.attempt)}", "none"), session=happening.session)
        elif isinstance(happening, CallEnded):
            self._call(happening)
        elif isinstance(happening, StepJudged):
            self._judged(happening)
        elif isinstance(happening, Guided):
            mark = f"    {self._marks['guidance']} "
            self._print((mark, "magenta"), (one_line(happening.note), "magenta"), session=happening.session)
        elif isinstance(happening, Reported):
            text = f"    {one_line(happening.event)} {one_line(happening.reason or happening.data)}"
            self._print((text.rstrip(), "blue"), session=happening.session)
        elif isinstance(happening, TaskEnded):
            self._ended(happening)

    def say(self, text: str) -> None:
        """A line of our own."""
        self._print((text, "yellow"))

    def _call(self, call: CallEnded) -> None:
        facts = f" {call.duration_ms:.0f} ms" + (f", {call.tokens} tokens" if call.tokens is not None else "")
        parts = [(f"      {call.kind} {one_line(call.name)}", "dim"), (facts, "dim")]
        if call.error:
            parts.append((f"  {one_line(call.error)}", "red"))
        self._print(*parts, session=call.session)

    def _judged(self, judged: StepJudged) -> None:
        style = _STYLE[judged.verdict]
        duration = f"  {judged.duration_ms:.0f} ms" if judged.duration_ms is not None else ""
        reason = f"  {one_line(judged.reason)}" if judged.reason else ""
        self._print(
            (f"  {self._marks[judged.verdict]} {_name(judged.attempt)}", style),
            (f"  {judged.verdict or ''}".rstrip(), style),
            (reason, "none"),
            (duration, "dim"),
            session=judged.session,
        )

    def _ended(self, ended: TaskEnded) -> None:
        word = f"failed after {ended.seconds:.2f} s" if ended.error else f"completed in {ended.seconds:.2f} s"
        facts = [f"{ended.attempts} attempts"]
        facts += [f"{ended.tokens} tokens"] if ended.tokens else []
        facts += [f"reward {ended.reward:.2f}"] if ended.reward is not None else []
        mark = self._marks["ERROR" if ended.error else "PASS"]
        style = "bold red" if ended.error else "bold green"
        dot = f" {self._marks['dot']} "
        self._print((f"{mark} {word}", style), (dot + dot.join(facts), "dim"), session=ended.session)
        if ended.error:
            self._print((f"  {one_line(ended.error)}", "red"), session=ended.session)
        if ended.answer:
            answer = self._encodable(shortened(clean(ended.answer), SHOWN_ANSWER))
            self._console.print(Padding(Text(answer), (0, 0, 0, 2)))
        if url := self._trace_url(ended.trace_id):
            self._print((f"  {url}", "dim underline"))
        self._open.discard(ended.session)

    def _print(self, *parts: tuple[str, str], session: str | None = None) -> None:
        text = Text.assemble(*((self._encodable(part), style) for part, style in parts))
        if session is not None and len(self._open) > 1:
            # Several sessions at once: each line says whose it is.
            text = Text.assemble((f"{session[:6]} ", "dim"), text)
        self._console.print(text, soft_wrap=True)

    def _encodable(self, text: str) -> str:
        return text.encode(self._encoding, "replace").decode(self._encoding)


def _name(attempt: ShownAttempt) -> str:
    number = "?" if attempt.step is None else attempt.step
    again = f" (attempt {attempt.number})" if attempt.number > 1 else ""
    return f"{number} {one_line(attempt.description)}{again}"
