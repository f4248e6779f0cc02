"""A database that holds many sessions, soon: its first ones are copied within the server, as sessions of their own.

What is there then is what as many sessions would have left, row by row and in every index: each has a key, a trace and
ids of its own. Three things differ: a copied session's texts are those of its original, and so are the hashes of its
events, which only a second projection would look at; and there are no dead rows, of which a session leaves some.
"""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

import psycopg

from benchmarks.cases import _copying

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORKERS: Final = 2
_NUMBERED: Final = ("public.sessions", "public.trajectory_events")


class Filling:
    """Copies the sessions that a database holds when this is made."""

    def __init__(self, url: str) -> None:
        self._connections = [psycopg.connect(url, autocommit=True) for _ in range(_WORKERS)]
        for connection in self._connections:
            connection.execute("SET synchronous_commit = off")
            connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
        self._first = self._connections[0]
        self.sessions = _copying.counts(self._first, ("origin",))["origin"]
        self.spans = _copying.counts(self._first, (_copying.SPANS,))[_copying.SPANS]
        self._widths = [self._last(table) for table in _NUMBERED]
        self._copies = 0

    def fill(self, times: int) -> None:
        """Copy all of them so many times."""
        shifts = [self._last(table) for table in _NUMBERED]
        copies = [
            (f"+{self._copies + n}", *(shift + n * width for shift, width in zip(shifts, self._widths, strict=True)))
            for n in range(times)
        ]
        self._copies += times
        workers = [
            Thread(target=_copy, args=(connection, copies[number::_WORKERS]))
            for number, connection in enumerate(self._connections)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for table, shift, width in zip(_NUMBERED, shifts, self._widths, strict=True):
            last = [shift + times * width]
            self._first.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), %s)".encode(), last)
        self._first.execute("CHECKPOINT")

    def close(self) -> None:
        """Let go of the connections."""
        for connection in self._connections:
            connection.close()

    def _last(self, table: str) -> int:
        """The last number that was given to a row."""
        row = self._first.execute(f"SELECT max(id) FROM {table}".encode()).fetchone()
        return int(row[0]) if row else 0


def _copy(connection: psycopg.Connection, copies: Sequence[tuple[object, ...]]) -> None:
    for copy in copies:
        connection.execute("SELECT pg_temp.copy_sessions(%s, %s, %s)", copy)
