"""The console takes whatever happens, in order, and never harms who it watches."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import atlas_otel as atlas
from atlas_otel.capture.capture import Capture
from atlas_otel.console import console
from atlas_otel.console.console import ConsoleRecorder, PlainView, open_console
from atlas_otel.console.story import Happening, TaskEnded, TaskStarted
from atlas_otel.testing import recording
from atlas_otel.tracing import state

if TYPE_CHECKING:
    from collections.abc import Iterator


class Shown:
    """A view that keeps what it is shown, and can be made slow or broken."""

    def __init__(self) -> None:
        self.happenings: list[Happening] = []
        self.lines: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def show(self, happening: Happening) -> None:
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.happenings.append(happening)

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def shown() -> Shown:
    return Shown()


def watched(recorder: ConsoleRecorder, capture: Capture | None = None) -> Any:
    """A recording whose recorder is the console."""

    class Watched:
        def __enter__(self) -> None:
            self.recording = recording(capture=capture)
            self.recording.__enter__()
            state.install(replace(state.current(), recorder=recorder))

        def __exit__(self, *error: object) -> None:
            self.recording.__exit__(None, None, None)

    return Watched()


def run_a_task() -> None:
    with atlas.session("the task", name="agent") as session, atlas.step("one"):
        session.final_answer = "the answer"


def test_what_happens_is_shown_in_order(shown: Shown) -> None:
    recorder = ConsoleRecorder(lambda: shown)
    with watched(recorder):
        for _ in range(20):
            run_a_task()
    recorder.close(10)
    kinds = [type(happening).__name__ for happening in shown.happenings]
    assert kinds == ["TaskStarted", "StepStarted", "StepJudged", "TaskEnded"] * 20
    assert recorder.dropped == 0


def test_a_slow_terminal_costs_lines_and_not_time(shown: Shown) -> None:
    shown.gate.clear()
    recorder = ConsoleRecorder(lambda: shown, queued=10)
    with watched(recorder):
        for _ in range(50):
            run_a_task()  # would hang here if anything waited for the view
    dropped = recorder.dropped
    assert dropped >= 50 * 4 - 10 - 1
    shown.gate.set()
    recorder.close(10)
    assert shown.lines == [f"({dropped} happenings were not shown: the terminal was slower than the run)"]


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), ValueError("I/O operation on closed file"), RuntimeError("a bug")]
)
def test_a_view_that_breaks_ends_the_show_and_nothing_else(shown: Shown, error: Exception) -> None:
    shown.error = error
    recorder = ConsoleRecorder(lambda: shown)
    with watched(recorder):
        for _ in range(5):
            run_a_task()
    recorder.close(10)
    assert shown.happenings == []
    before = recorder._waiting.qsize()
    with watched(recorder):
        run_a_task()
    assert recorder._waiting.qsize() == before, "nobody watches: nothing is kept for them"


def test_a_record_that_cannot_be_told_costs_its_line_only(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    from atlas_otel.console.story import Story

    tell, seen = Story.tell, []

    def failing(self: Story, record: Any) -> Iterator[Happening]:
        seen.append(record)
        if len(seen) == 2:
            raise KeyError("nobody thought of this")
        yield from tell(self, record)

    monkeypatch.setattr(Story, "tell", failing)
    before = state.absorbed_counts().get("console", 0)
    recorder = ConsoleRecorder(lambda: shown)
    with watched(recorder):
        run_a_task()
    recorder.close(10)
    assert state.absorbed_counts()["console"] == before + 1
    assert isinstance(shown.happenings[0], TaskStarted)
    assert isinstance(shown.happenings[-1], TaskEnded)


def test_no_thread_before_the_first_record_and_close_is_idempotent(shown: Shown) -> None:
    before = threading.active_count()
    recorder = ConsoleRecorder(lambda: shown)
    assert threading.active_count() == before
    recorder.close(1)
    recorder.close(1)
    with watched(recorder):
        run_a_task()
    assert threading.active_count() == before
    assert shown.happenings == []


def test_close_keeps_to_its_time(shown: Shown) -> None:
    shown.gate.clear()
    recorder = ConsoleRecorder(lambda: shown)
    with watched(recorder):
        run_a_task()
    start = time.monotonic()
    recorder.close(0.2)
    assert time.monotonic() - start < 5
    shown.gate.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_shows_nothing(shown: Shown) -> None:
    recorder = ConsoleRecorder(lambda: shown)
    with watched(recorder):
        run_a_task()
        child = os.fork()
        if child == 0:
            before = recorder._waiting.qsize()
            run_a_task()
            recorder.close(1)
            os._exit(0 if recorder._waiting.qsize() == before else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        run_a_task()
    recorder.close(10)
    assert sum(isinstance(happening, TaskEnded) for happening in shown.happenings) == 2


def test_off_on_and_by_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(enabled: bool | None) -> bool:
        return open_console(enabled, trace_url=lambda trace_id: None) is not None

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert [opened(value) for value in (None, True, False)] == [False, True, False]
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert [opened(value) for value in (None, True, False)] == [True, True, False]
    terminal.close()
    monkeypatch.undo()
    monkeypatch.setattr(sys, "stderr", None)
    assert not opened(None)


def test_piped_the_lines_of_the_contract_are_written_to_stderr_only(capfd: pytest.CaptureFixture[str]) -> None:
    recorder = open_console(True, trace_url=lambda trace_id: "http://unused")
    assert recorder is not None
    with watched(recorder):
        run_a_task()
    recorder.close(10)
    out, err = capfd.readouterr()
    assert out == ""
    started, *rest = err.splitlines()
    assert started.startswith("=== Atlas task started: the task (2023-11-1")
    assert rest[0].startswith("STEP 1: one | actor=student | attempt=1 | duration=")
    assert rest[1].startswith("=== Atlas task completed in 0.0")
    assert rest[2] == "the answer"
    assert rest[3].startswith("Summary | total_runtime=0.0")


def test_without_content_no_content_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    recorder = ConsoleRecorder(PlainView)
    with watched(recorder, Capture(content=False)), atlas.session("secret task", name="agent") as session:
        atlas.set_plan(["secret plan"])
        with atlas.step("secret plan"):
            atlas.set_validation(False, reason="secret reason")
            atlas.add_guidance("secret note")
            atlas.emit_event("progress", {"reason": "secret why", "payload": "secret"})
        session.final_answer = "secret answer"
    recorder.close(10)
    told = capfd.readouterr().err
    assert "secret" not in told
    assert "=== Atlas task started: [not captured] (" in told
    assert "validation=FAIL" in told


def test_a_stream_that_cannot_encode_gets_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    PlainView().say("naïve ✔")
    assert raw.getvalue() == b"na?ve ?\n"


def test_importing_and_opening_loads_no_terminal_library() -> None:
    # A process of its own: here they are loaded already.
    import subprocess

    program = (
        "import sys, atlas_otel.console.console as c\n"
        "assert c.open_console(None, trace_url=lambda t: t) is None\n"
        "print([m for m in ('rich', 'pydantic', 'psycopg', 'asyncio', 'typer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
    assert console.QUEUED > 0
