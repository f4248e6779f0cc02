"""What a person watches while a run goes on: a recorder that prints, from a thread of its own.

On a terminal in colour, elsewhere in the lines of contract §5; always on standard error. What content capture withholds
or redaction takes out is not in the records, and so not here either. Nothing of this is loaded before the first line.
"""

from __future__ import annotations

import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol

from atlas_otel.console.turns import Turns
from atlas_otel.process import fork
from atlas_otel.tracing.state import absorbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.console.story import Happening
    from atlas_otel.records.record import EventRecord, Record, SpanRecord
    from atlas_otel.records.recorder import OpenSpan

QUEUED: Final = 10_000
"""Records that wait to be shown; what comes beyond them is counted and not shown."""


class View(Protocol):
    """Prints happenings. May raise OSError or ValueError where standard error is gone."""

    def show(self, happening: Happening) -> None:
        """Print one happening."""

    def say(self, text: str) -> None:
        """Print a line of our own."""


class PlainView:
    """The lines of contract §5, to what ``sys.stderr`` is at the time."""

    def show(self, happening: Happening) -> None:
        """Print one happening."""
        from atlas_otel.console.lines import lines

        for line in lines(happening):
            self.say(line)

    def say(self, text: str) -> None:
        """Print a line."""
        stream = sys.stderr
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()


def open_console(enabled: bool | None, *, trace_url: Callable[[str], str | None]) -> ConsoleRecorder | None:
    """The console, or None where it is off: False, or None without a terminal at standard error."""
    terminal = _is_terminal()
    if enabled is False or (enabled is None and not terminal):
        return None

    def view() -> View:
        if not terminal:
            return PlainView()
        from atlas_otel.console.coloured import RichView

        return RichView(trace_url)

    return ConsoleRecorder(view, in_turn=terminal)


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # no standard error (pythonw), or a closed one
        return False


class ConsoleRecorder:
    """Takes records and shows them in their order. ``make_view`` is called once, in the thread that prints."""

    def __init__(self, make_view: Callable[[], View], *, queued: int = QUEUED, in_turn: bool = False) -> None:
        """``in_turn``: what the program prints to the terminal comes behind what was told before."""
        self._make_view = make_view
        self._queued = queued
        self._waiting: SimpleQueue[Record | None] = SimpleQueue()
        self._generation = fork.generation()
        self._lock = fork.lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._told = self._shown = 0
        self._turns = Turns(self._behind) if in_turn else None
        self.dropped = 0
        """Records that were not shown, because the terminal was slower than the run."""

    def span_started(self, span: OpenSpan, *, durable: bool) -> None:
        """Show that a session, step or call began."""
        # The snapshot is taken here and not in the thread: there the span may have ended, and its start be untold.
        if self._takes() and (snapshot := span.snapshot()) is not None and snapshot.kind is not None:
            self._put(snapshot)

    def span_ended(self, record: SpanRecord) -> None:
        """Show how it went."""
        if record.kind is not None and self._takes():
            self._put(record)

    def span_forked(self) -> None:
        """Nothing to show: the process that started the span tells of it."""

    def event(self, record: EventRecord) -> None:
        """Show what was reported."""
        if self._takes():
            self._put(record)

    def close(self, timeout_s: float = 1.0) -> None:
        """Show what waits, for at most ``timeout_s`` seconds, and end. Idempotent."""
        self._closed = True
        if self._turns is not None:
            self._turns.leave()
        thread = self._thread
        if thread is None or fork.generation() != self._generation:
            return
        self._waiting.put(None)
        thread.join(timeout_s)

    def _takes(self) -> bool:
        # A forked child inherits the queue but no thread: its parent's terminal is not its to write to.
        return not self._closed and fork.generation() == self._generation

    def _put(self, record: Record) -> None:
        if self._waiting.qsize() >= self._queued:
            self.dropped += 1
            return
        with self._lock:
            self._told += 1
        self._waiting.put(record)
        if self._thread is None:
            self._start()

    def _behind(self) -> bool:
        """Whether this thread, which is about to print, is ahead of the story."""
        ahead = self._shown < self._told and self._takes()
        return ahead and threading.current_thread() is not self._thread

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="atlas-otel-console", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is going down and starts no threads
                self._closed = True
                return
            self._thread = thread
            if self._turns is not None:
                self._turns.take()

    def _run(self) -> None:
        from atlas_otel.console.story import Story

        story, told = Story(), 0
        try:
            view = self._make_view()
            while (record := self._waiting.get()) is not None:
                try:
                    happenings = list(story.tell(record))
                except Exception:  # noqa: BLE001 — a record that no one foresaw costs its line, not the ones after it
                    absorbed("console")
                    happenings = []
                for happening in happenings:
                    view.show(happening)
                self._shown += 1
                if self._waiting.empty():
                    told = self._own_up(view, told)
            self._own_up(view, told)
        except (OSError, ValueError):  # standard error was closed: nobody watches any more
            absorbed("console_closed")
        except Exception:  # noqa: BLE001 — a view that fails ends the show, never the agent
            absorbed("console")
        finally:
            self._closed = True
            self._discard()

    def _own_up(self, view: View, told: int) -> int:
        """Say how many records were not shown since ``told`` of them were said; how many have been said now."""
        dropped = self.dropped
        if dropped > told:
            view.say(f"({dropped - told} happenings were not shown: the terminal was slower than the run)")
        return dropped

    def _discard(self) -> None:
        """Let go of what waits."""
        try:
            while True:
                self._waiting.get_nowait()
        except Empty:
            pass
