"""A connection that does something else while it waits."""

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
"""What the server answers within this time is not worth a beginning: a piece of work takes longer, and would be gone
when the server is busy for long. Without it, the server had nothing to do in four fifths of the time that the work took
(measured)."""


class PatientConnection(psycopg.Connection[TupleRow]):
    """A connection over which the server's work and ours overlap: see :meth:`waiting`."""

    _meanwhile: Callable[[], bool] | None = None

    @contextmanager
    def waiting(self, meanwhile: Callable[[], bool]) -> Iterator[None]:
        """Until the end of the block, have ``meanwhile`` called again and again for as long as the server keeps us
        waiting, if that is longer than a millisecond. It does a piece of work, without this connection, and says
        whether there was one to do. What it raises comes out of the statement, and leaves the connection good for
        closing only."""
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
