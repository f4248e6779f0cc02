"""What makes rows of sessions: the seam between a format and whoever writes it (lines, Parquet, a follower)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from atlas_otel_exporters.json_text import dump
from atlas_otel_exporters.training.options import RowOptions
from atlas_otel_exporters.training.recorded import Recorded, read_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.stored import StoredSession
    from atlas_otel_exporters.training.turn import Turn


class RowFormat:
    """Makes the rows of one format, and counts the model calls that it leaves out, by cause.

    A format overrides :meth:`rows`; one that compares the runs of a task sets :attr:`compares_runs` and overrides
    :meth:`rows_of_runs` too, which is called once for each task that ran several times.
    """

    compares_runs = False

    @property
    def reads_twice(self) -> bool:
        """Whether :meth:`learn` has to see every session before the first line is written."""
        return False

    def learn(self, session: StoredSession) -> None:
        """Take a session in that lines of others depend on. Raises RecordError where it cannot be read."""

    def __init__(self, options: RowOptions | None = None) -> None:
        self.options = options or RowOptions()
        self.left_out: Counter[str] = Counter()

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """The lines of one session by itself. Raises RecordError where a stored value cannot be read."""
        return [dump(row) for row in self.rows(self.read(session), revision)]

    def lines_of_runs(self, sessions: Iterable[StoredSession]) -> Iterable[bytes]:
        """The lines that only several runs of one task together make."""
        return [dump(row) for row in self.rows_of_runs([self.read(session, count=False) for session in sessions])]

    def read(self, session: StoredSession, *, count: bool = True) -> Recorded:
        """The session's calls that are wanted; ``count`` those that are not."""
        recorded = read_session(session)
        wanted = []
        for turn in recorded.turns:
            reason = self.refusal(turn)
            if reason is None:
                wanted.append(turn)
            elif count:
                self.left_out[reason] += 1
        return Recorded(recorded.run, wanted)

    def refusal(self, turn: Turn) -> str | None:
        """Why a call makes no row; None where it may."""
        reason = self.options.calls.refusal(turn)
        if reason is None and not turn.answered:
            return "never answered"
        if reason is None and not turn.call.messages:
            return "recorded without messages"
        return reason

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The rows of one session."""
        raise NotImplementedError

    def rows_of_runs(self, runs: Sequence[Recorded]) -> Iterator[JsonObject]:
        """The rows that several runs of one task make."""
        return iter(())
