"""Happenings in colour, for a person at a terminal.

Each line is indented by what encloses it, and its further lines stand below its first. The colours can be read on a
dark and on a light background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from atlas_otel.console.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from atlas_otel.console.lines import SHOWN_ANSWER, moment, one_line
from atlas_otel.console.plain_text import clean, shortened
from atlas_otel.console.story import (
    CallEnded,
    CallStarted,
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

_STYLE: Final = {"PASS": GREEN, "FAIL": ORANGE, "ERROR": RED, None: "none"}
_LEAST_ROOM: Final = 24
_KINDS: Final = ("task", "call", "PASS", "FAIL", "ERROR", None, "guidance", "dot")
_SIGNS: Final = dict(zip(_KINDS, "▶▸✔✘✘•↳·", strict=True))
_PLAIN: Final = {**dict(zip(_KINDS, ">>+x!->|", strict=True)), "guidance": "->"}


class RichView:
    """Prints happenings to standard error. Text of the run is never read as markup."""

    def __init__(self, trace_url: Callable[[str], str | None], console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._trace_url = trace_url
        self._open: dict[str, str] = {}
        """The sessions that run, each with what its lines are marked with where there are several."""
        self._encoding = self._console.encoding
        self._marks = _SIGNS if self._encoding.lower().startswith("utf") else _PLAIN

    def show(self, happening: Happening) -> None:
        """Print one happening."""
        session = happening.session
        if isinstance(happening, TaskStarted):
            self._open[session] = f"{session[:6]} {one_line(happening.name)}".strip()
            task = ((one_line(happening.task), "bold"), (f"  {moment(happening.time_ns)[11:19]}", GREY))
            self._line(0, (f"{self._marks['task']} ", f"bold {BLUE}"), *task, session=session)
        elif isinstance(happening, Planned):
            for number, description in happening.steps:
                self._line(2, (f"{number:>3}. ", GREY), (one_line(description), GREY), session=session)
        elif isinstance(happening, StepStarted):
            self._line(_indent(happening.depth), ("", "none"), (_name(happening.attempt), "none"), session=session)
        elif isinstance(happening, CallStarted):
            mark, what = f"{self._marks['call']} ", f"{happening.kind} {one_line(happening.name)} …"
            self._line(_indent(happening.depth), (mark, GREY), (what, GREY), session=session)
        elif isinstance(happening, CallEnded):
            self._call(happening)
        elif isinstance(happening, StepJudged):
            self._judged(happening)
        elif isinstance(happening, Guided):
            self._line(4, (f"{self._marks['guidance']} ", PURPLE), (one_line(happening.note), PURPLE), session=session)
        elif isinstance(happening, Reported):
            text = f"{one_line(happening.event)} {one_line(happening.reason or happening.data)}"
            self._line(4, ("", "none"), (text.rstrip(), BLUE), session=session)
        elif isinstance(happening, TaskEnded):
            self._ended(happening)

    def say(self, text: str) -> None:
        """A line of our own."""
        self._line(0, ("", "none"), (text, ORANGE))

    def _call(self, call: CallEnded) -> None:
        facts = f"  {call.duration_ms:.0f} ms" + (f", {call.tokens} tokens" if call.tokens is not None else "")
        failed = bool(call.error)
        mark = (f"{self._marks['ERROR' if failed else 'PASS']} ", RED if failed else GREY)
        parts = [(f"{call.kind} {one_line(call.name)}", "none"), (facts, GREY)]
        if failed:
            parts.append((f"  {one_line(call.error)}", RED))
        self._line(_indent(call.depth), mark, *parts, session=call.session)

    def _judged(self, judged: StepJudged) -> None:
        style = _STYLE[judged.verdict]
        parts = [(f"{_name(judged.attempt)}{f'  {judged.verdict}' if judged.verdict else ''}", style)]
        if judged.reason:
            parts.append((f"  {one_line(judged.reason)}", "none"))
        if judged.duration_ms is not None:
            parts.append((f"  {judged.duration_ms:.0f} ms", GREY))
        mark = f"{self._marks[judged.verdict]} "
        self._line(_indent(judged.depth), (mark, style), *parts, session=judged.session)

    def _ended(self, ended: TaskEnded) -> None:
        word = f"failed after {ended.seconds:.2f} s" if ended.error else f"completed in {ended.seconds:.2f} s"
        facts = [f"{ended.attempts} attempts"]
        facts += [f"{ended.tokens} tokens"] if ended.tokens else []
        facts += [f"reward {ended.reward:.2f}"] if ended.reward is not None else []
        mark = self._marks["ERROR" if ended.error else "PASS"]
        style = f"bold {RED if ended.error else GREEN}"
        dot = f" {self._marks['dot']} "
        end = ((word, style), (dot + dot.join(facts), GREY))
        self._line(0, (f"{mark} ", style), *end, session=ended.session)
        if ended.error:
            self._line(2, ("", "none"), (one_line(ended.error), RED), session=ended.session)
        for line in shortened(clean(ended.answer), SHOWN_ANSWER).splitlines() if ended.answer else ():
            self._line(2, ("", "none"), (line.expandtabs(4), "none"), session=ended.session)
        if url := self._trace_url(ended.trace_id):
            self._line(2, ("", "none"), (url, f"{GREY} underline"), session=ended.session, whole=True)
        self._open.pop(ended.session, None)

    def _line(
        self,
        indent: int,
        mark: tuple[str, str],
        *parts: tuple[str, str],
        session: str | None = None,
        whole: bool = False,
    ) -> None:
        """One line; where it is longer than the terminal is wide, the rest below its beginning.

        ``whole``: not broken, as an address that is to be clicked.
        """
        several = session is not None and len(self._open) > 1
        owner = f"{self._open.get(session or '', (session or '')[:6])} " if several else ""
        sign = self._encodable(mark[0])
        room = self._console.width - cell_len(owner) - indent - cell_len(sign)
        text = Text.assemble(*((self._encodable(part), style) for part, style in parts))
        lines = [text] if whole or room < _LEAST_ROOM else (list(text.wrap(self._console, room)) or [text])
        for number, line in enumerate(lines):
            line.rstrip()
            begin = Text.assemble((self._encodable(owner), GREY), " " * indent)
            begin.append(sign if number == 0 else " " * cell_len(sign), style=mark[1])
            self._console.print(begin + line, soft_wrap=True)

    def _encodable(self, text: str) -> str:
        return text.encode(self._encoding, "replace").decode(self._encoding)


def _indent(depth: int) -> int:
    return 2 + 2 * min(depth, 10)


def _name(attempt: ShownAttempt) -> str:
    number = "?" if attempt.step is None else attempt.step
    again = f" (attempt {attempt.number})" if attempt.number > 1 else ""
    return f"{number} {one_line(attempt.description)}{again}"
