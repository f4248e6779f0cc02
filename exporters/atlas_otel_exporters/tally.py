"""Writes the sessions of an export, and counts what became of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import RecordError
from atlas_otel_exporters.summary import NOT_IN_FORMAT, ExportProgress, ExportSummary
from atlas_otel_exporters.training.recorded import read_run
from atlas_otel_exporters.training.task_group import task_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from atlas_otel_exporters.formats import Format
    from atlas_otel_exporters.selection import Selection
    from atlas_otel_exporters.source import Considered
    from atlas_otel_exporters.stored import Size, StoredSession
    from atlas_otel_exporters.write import Lines

HELD_SESSIONS: Final = 500
HELD_BYTES: Final = 16 * 1024 * 1024
"""How much of one conversation is held before its lines are written, in sessions and in bytes of events. What comes
after begins a line of its own."""


class Tally:
    """Writes sessions and keeps count."""

    def __init__(
        self,
        lines: Lines,
        format: Format,
        considered: Considered,
        selection: Selection,
        progress: Callable[[ExportProgress], None] | None,
    ) -> None:
        self._lines = lines
        self._format = format
        self._progress = progress
        self._skipped = Counter(considered.skipped)
        beyond_offset = max(considered.taken - selection.offset, 0)
        self._total = beyond_offset if selection.limit is None else min(beyond_offset, selection.limit)
        self._skipped["before --offset"] = considered.taken - beyond_offset
        self._skipped["beyond --limit"] = beyond_offset - self._total
        self._unreadable: dict[int, str] = {}
        self._runs: dict[tuple[str, str], list[int]] = {}
        self._held: list[Size] = []
        self._sessions = self._steps = self._events = self._written = self._seen = 0

    def write(self, session: StoredSession) -> None:
        """Write a session by itself."""
        lines = self._made(session, self._format)
        if lines is not None:
            self._account([session.size], lines)
        if self._format.compares_runs and session.id not in self._unreadable:
            self._remember(session)
        self._progressed()

    def hold(self, session: StoredSession) -> None:
        """Take a session that is part of a conversation; those that are held are written when they are large."""
        lines = self._made(session, self._format.hold)
        if lines is not None:
            self._account([session.size], lines)
        elif session.id not in self._unreadable:
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
            self._unreadable[session.id] = str(error)
            self._skipped["unreadable"] += 1
            return None

    def _progressed(self) -> None:
        self._seen += 1
        if self._progress is not None:
            self._progress(ExportProgress(self._seen, self._total))

    def _account(self, sizes: Sequence[Size], lines: Iterable[bytes]) -> None:
        """Write the lines that sessions of these sizes came to, and count both."""
        written = self._written
        for line in lines:
            self._lines.write(line)
            self._written += 1
        if self._written == written:
            self._skipped[NOT_IN_FORMAT] += len(sizes)
            return
        self._sessions += len(sizes)
        self._steps += sum(size.steps for size in sizes)
        self._events += sum(size.events for size in sizes)

    def _remember(self, session: StoredSession) -> None:
        run = read_run(session)
        if run.task_group is not None and run.reward is not None:
            self._runs.setdefault((run.task_group, task_digest(run.task)), []).append(run.id)

    def runs_of_tasks(self) -> Iterator[list[int]]:
        """For each task that ran several times with a reward, the numbers of its sessions."""
        yield from (sorted(runs) for runs in self._runs.values() if len(runs) > 1)

    def write_runs(self, sessions: Iterable[StoredSession]) -> None:
        """Write what the runs of one task make together."""
        for line in self._format.lines_of_runs(sessions):
            self._lines.write(line)
            self._written += 1

    def summary(self) -> ExportSummary:
        """What was written, and why other sessions were not."""
        return ExportSummary(
            sessions=self._sessions,
            steps=self._steps,
            events=self._events,
            lines=self._written,
            bytes=self._lines.bytes_written,
            skipped={reason: count for reason, count in sorted(self._skipped.items()) if count},
            unreadable=self._unreadable,
            calls_left_out={reason: count for reason, count in sorted(self._format.left_out.items()) if count},
        )
