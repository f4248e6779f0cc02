"""Writes the sessions of an export, and counts what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import RecordError
from atlas_otel_exporters.source import DEFAULT_BATCH_SIZE
from atlas_otel_exporters.summary import NOT_IN_FORMAT, ExportProgress, ExportSummary
from atlas_otel_exporters.training.recorded import read_run
from atlas_otel_exporters.training.task_group import task_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from atlas_otel_exporters.formats import Format
    from atlas_otel_exporters.selection import Selection
    from atlas_otel_exporters.source import Considered, SessionSource, Stretch
    from atlas_otel_exporters.stored import Size, StoredSession
    from atlas_otel_exporters.write import Lines

HELD_SESSIONS: Final = 500
HELD_BYTES: Final = 16 * 1024 * 1024
"""How much of one conversation is held before its lines are written, in sessions and in bytes of events. What comes
after begins a line of its own."""


@dataclass(slots=True)
class Counts:
    """What became of the sessions of an export, or of a part of it. ``runs``: sessions of each task with a reward."""

    sessions: int = 0
    steps: int = 0
    events: int = 0
    lines: int = 0
    seen: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: dict[int, str] = field(default_factory=dict)
    runs: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Count those of another part too."""
        self.sessions += other.sessions
        self.steps += other.steps
        self.events += other.events
        self.lines += other.lines
        self.seen += other.seen
        self.skipped += other.skipped
        self.unreadable |= other.unreadable
        self.left_out += other.left_out
        for task, runs in other.runs.items():
            self.runs.setdefault(task, []).extend(runs)


class Tally:
    """Writes sessions and keeps count."""

    def __init__(
        self,
        lines: Lines,
        format: Format,
        considered: Considered | None = None,
        selection: Selection | None = None,
        progress: Callable[[ExportProgress], None] | None = None,
    ) -> None:
        """``considered`` and ``selection``: of the whole export; None for a part of one."""
        self._lines = lines
        self._format = format
        self._progress = progress
        self._counts = Counts()
        self._total = 0
        self._held: list[Size] = []
        if considered is not None and selection is not None:
            skipped = self._counts.skipped
            skipped.update(considered.skipped)
            beyond_offset = max(considered.taken - selection.offset, 0)
            self._total = beyond_offset if selection.limit is None else min(beyond_offset, selection.limit)
            skipped["before --offset"] = considered.taken - beyond_offset
            skipped["beyond --limit"] = beyond_offset - self._total

    @property
    def counts(self) -> Counts:
        """What was counted so far, with what the format left out."""
        found = Counts()
        found.add(self._counts)
        found.left_out += self._format.left_out
        return found

    def add(self, lines: Iterable[bytes], counts: Counts) -> None:
        """Write what was made elsewhere."""
        for line in lines:
            self._lines.write(line)
        self._counts.add(counts)
        if self._progress is not None:
            self._progress(ExportProgress(self._counts.seen, self._total))

    def write_stretch(self, source: SessionSource, stretch: Stretch, event_limit: int | None) -> None:
        """Write the sessions of a stretch: of one conversation together, and others each by itself."""
        numbers, joined = stretch
        stored = (
            source.sessions_numbered(numbers, DEFAULT_BATCH_SIZE, event_limit)
            if self._format.reads_rows
            else source.without_events(numbers)
        )
        with ExitStack() as stack:
            if isinstance(stored, Generator):
                stack.enter_context(closing(stored))
            for session in stored:
                if joined:
                    self.hold(session)
                else:
                    self.write(session)
        self.write_held()

    def write(self, session: StoredSession) -> None:
        """Write a session by itself."""
        lines = self._made(session, self._format)
        if lines is not None:
            self._account([session.size], lines)
        if self._format.compares_runs and session.id not in self._counts.unreadable:
            self._remember(session)
        self._progressed()

    def hold(self, session: StoredSession) -> None:
        """Take a session that is part of a conversation; those that are held are written when they are large."""
        lines = self._made(session, self._format.hold)
        if lines is not None:
            self._account([session.size], lines)
        elif session.id not in self._counts.unreadable:
            self._held.append(session.size)
            if len(self._held) >= HELD_SESSIONS or sum(size.bytes for size in self._held) >= HELD_BYTES:
                self.write_held()
        self._progressed()

    def write_held(self) -> None:
        """Write the conversation that is held, if any."""
        if self._held:
            self._account(self._held, self._format.joined())
            self._held = []

    def _made(
        self, session: StoredSession, make: Callable[[StoredSession], Iterable[bytes] | None]
    ) -> list[bytes] | None:
        """The lines that ``make`` gives; None where it keeps the session, or cannot read it."""
        try:
            lines = make(session)
            return None if lines is None else list(lines)
        except RecordError as error:
            # One session that cannot be read does not keep the others from their file; the summary names it.
            self._counts.unreadable[session.id] = str(error)
            self._counts.skipped["unreadable"] += 1
            return None

    def _progressed(self) -> None:
        self._counts.seen += 1
        if self._progress is not None:
            self._progress(ExportProgress(self._counts.seen, self._total))

    def _account(self, sizes: Sequence[Size], lines: Iterable[bytes]) -> None:
        """Write the lines that sessions of these sizes came to, and count both."""
        counts = self._counts
        written = counts.lines
        for line in lines:
            self._lines.write(line)
            counts.lines += 1
        if counts.lines == written:
            counts.skipped[NOT_IN_FORMAT] += len(sizes)
            return
        counts.sessions += len(sizes)
        counts.steps += sum(size.steps for size in sizes)
        counts.events += sum(size.events for size in sizes)

    def _remember(self, session: StoredSession) -> None:
        run = read_run(session)
        if run.task_group is not None and run.reward is not None:
            self._counts.runs.setdefault((run.task_group, task_digest(run.task)), []).append(run.id)

    def runs_of_tasks(self) -> Iterator[list[int]]:
        """For each task that ran several times with a reward, the numbers of its sessions."""
        yield from (sorted(runs) for runs in self._counts.runs.values() if len(runs) > 1)

    def write_runs(self, sessions: Iterable[StoredSession]) -> None:
        """Write what the runs of one task make together."""
        for line in self._format.lines_of_runs(sessions):
            self._lines.write(line)
            self._counts.lines += 1

    def summary(self) -> ExportSummary:
        """What was written, and why other sessions were not."""
        counts = self.counts
        return ExportSummary(
            sessions=counts.sessions,
            steps=counts.steps,
            events=counts.events,
            lines=counts.lines,
            bytes=self._lines.bytes_written,
            skipped={reason: count for reason, count in sorted(counts.skipped.items()) if count},
            unreadable=counts.unreadable,
            calls_left_out={reason: count for reason, count in sorted(counts.left_out.items()) if count},
        )
