"""What makes rows of sessions: the seam between a format and whoever writes it (lines, Parquet, a follower)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from atlas_otel.records.exact_json import dump
from atlas_otel_exporters.training.options import RowOptions
from atlas_otel_exporters.training.recorded import Recorded, read_session

_SPANS: Final = ""

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
    reads_rows = True
    joins_conversations = False
    """Whether sessions of one conversation make rows together, and none of them alone."""

    @property
    def reads_twice(self) -> bool:
        """Whether :meth:`learn` has to see every session before the first line is written."""
        return False

    def learn(self, session: StoredSession) -> None:
        """Take a session in that lines of others depend on. Raises RecordError where it cannot be read."""

    def __init__(self, options: RowOptions | None = None) -> None:
        self.options = options or RowOptions()
        self.left_out: Counter[str] = Counter()
        self._held: list[Turn] = []

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """The lines of one session by itself. Raises RecordError where a stored value cannot be read."""
        return [line for line, _ in self.written(session, self.read(session), revision)]

    def traced(self, session: StoredSession) -> list[tuple[bytes, list[str]]]:
        """The lines of one session, each with the ids of the spans that it is made of."""
        return self.written(session, self.read(session), None)

    def written(
        self, session: StoredSession, recorded: Recorded, revision: int | None
    ) -> list[tuple[bytes, list[str]]]:
        """The lines of one session, of which ``recorded`` are the calls that are wanted."""
        return [traced_line(row) for row in self.rows(recorded, revision)]

    def hold(self, session: StoredSession) -> Iterable[bytes] | None:
        """Keep the session's calls for :meth:`joined`; where it has none, its lines.

        Raises RecordError where a stored value cannot be read.
        """
        recorded = self.read(session)
        if not recorded.turns:
            return [line for line, _ in self.written(session, recorded, None)]
        self._held += recorded.turns
        return None

    def joined(self) -> Iterable[bytes]:
        """The lines of the sessions that were held, which are one conversation; none is held any more."""
        turns = sorted(self._held, key=lambda turn: turn.started)
        self._held = []
        return [traced_line(row)[0] for row in self.rows(Recorded(turns[-1].run, turns), None)] if turns else []

    def traced_runs(self, sessions: Iterable[StoredSession]) -> list[tuple[bytes, list[str]]]:
        """The same of what several runs of one task make together."""
        return [
            traced_line(row) for row in self.rows_of_runs([self.read(session, count=False) for session in sessions])
        ]

    def lines_of_runs(self, sessions: Iterable[StoredSession]) -> Iterable[bytes]:
        """The lines that only several runs of one task together make."""
        return [line for line, _ in self.traced_runs(sessions)]

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
        return Recorded(recorded.run, wanted, len(recorded.turns) - len(wanted))

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


def made_of(*turns: Turn) -> JsonObject:
    """What a row says of its spans where the format has no place for them; no line holds it."""
    return {_SPANS: [turn.span_id for turn in turns]}


def traced_line(row: JsonObject) -> tuple[bytes, list[str]]:
    """A row as its line, with the spans that it says it is made of."""
    extra = row.get("extra_info")
    held = row.get(_SPANS) or row.get("span_ids") or (extra.get("span_ids") if isinstance(extra, dict) else None)
    shown = {key: value for key, value in row.items() if key != _SPANS}
    return dump(shown), [one for one in held if isinstance(one, str)] if isinstance(held, list) else []
