"""What formats share that write each session by itself, without regard to its model calls."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_otel_exporters.stored import StoredSession


class WholeSession:
    """A session → its lines; a subclass says which."""

    compares_runs = False
    joins_conversations = False
    reads_rows = True
    reads_twice = False

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()

    def __call__(self, session: StoredSession, *, revision: int | None = None) -> Iterable[bytes]:
        """The lines of one session."""
        raise NotImplementedError

    def learn(self, session: StoredSession) -> None:
        """Nothing: each session stands alone."""

    def hold(self, session: StoredSession) -> Iterable[bytes] | None:
        """The lines at once: there is nothing to join."""
        return self(session)

    def joined(self) -> Iterable[bytes]:
        """None: nothing is held."""
        return ()

    def traced(self, session: StoredSession) -> Iterable[tuple[bytes, list[str]]]:
        """The lines, with the spans that they name."""
        return [(line, orjson.loads(line).get("span_ids") or []) for line in self(session)]

    def traced_runs(self, sessions: Iterable[StoredSession]) -> Iterable[tuple[bytes, list[str]]]:
        """None: runs are not compared."""
        return ()

    def lines_of_runs(self, sessions: Iterable[StoredSession]) -> Iterable[bytes]:
        """None: runs are not compared."""
        return ()
