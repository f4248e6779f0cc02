"""A connection that lets other work run while the server answers."""

from __future__ import annotations

from contextlib import contextmanager
from selectors import DefaultSelector
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg.abc import PQGen

_T = TypeVar("_T")
_AT_ONCE_S: Final = 0.001
"""An answer expected within this time is waited for: a piece of work takes longer, and is better kept for a long wait.
Without this, the server idled for four fifths of the time that the work took (measured)."""


class OverlappingConnection(psycopg.Connection[TupleRow]):
    """A connection over which the server's work and ours overlap: see :meth:`overlapping`."""

    _meanwhile: Callable[[], bool] | None = None

    @contextmanager
    def overlapping(self, meanwhile: Callable[[], bool]) -> Iterator[None]:
        """Within the block, call ``meanwhile`` repeatedly while a statement waits for the server for longer than a
        millisecond. It does one piece of work, without this connection, and returns whether there was any. What it
        raises comes out of the statement, and the connection can then only be closed."""
        before, self._meanwhile = self._meanwhile, meanwhile
        try:
            yield
        finally:
            self._meanwhile = before

    def wait(self, gen: PQGen[_T], *args: Any, **options: Any) -> _T:
        """What every statement of psycopg's goes through."""
        if self._meanwhile is not None:
            gen = _interleaved(gen, self.pgconn.socket, self._meanwhile)
        return super().wait(gen, *args, **options)


def _interleaved(gen: PQGen[_T], socket: int, meanwhile: Callable[[], bool]) -> PQGen[_T]:
    """``gen``, with work in between while the socket is not ready for it."""
    try:
        wanted = next(gen)
        while True:
            if _waits(socket, wanted, _AT_ONCE_S):
                while meanwhile() and _waits(socket, wanted, 0):
                    pass
            wanted = gen.send((yield wanted))
    except StopIteration as done:
        value: _T = done.value
        return value


def _waits(socket: int, wanted: int, seconds: float) -> bool:
    """Whether the socket is still not ready after ``seconds``."""
    with DefaultSelector() as selector:
        selector.register(socket, wanted)  # psycopg's numbers are the selector's
        return not selector.select(seconds)
