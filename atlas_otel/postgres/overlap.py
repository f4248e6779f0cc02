"""A connection that lets other work run while the server answers, and that a pooler may stand behind."""

from __future__ import annotations

import selectors
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Transaction
    from psycopg.abc import Params, PQGen, QueryNoTemplate

_T = TypeVar("_T")
_Selector: Final[type[selectors.BaseSelector]] = getattr(selectors, "PollSelector", selectors.DefaultSelector)
"""For one look: to make an epoll, and to let go of it, takes longer than the look."""
_AT_ONCE_S: Final = 0.001
"""An answer expected within this time is waited for: a piece of work takes longer, and is better kept for a long wait.
Without this, the server idled for four fifths of the time that the work took (measured)."""


class OverlappingConnection(psycopg.Connection[TupleRow]):
    """A connection over which the server's work and ours overlap: see :meth:`overlapping`."""

    _meanwhile: Callable[[], bool] | None = None
    _settings: Mapping[str, str] | None = None
    silence_s: float | None = None
    """How long nothing may come from the server in the middle of a statement; None: for ever. A frozen server
    enforces no time limit of its own, and a pooler or proxy before it keeps the connection alive. Afterwards the
    connection is closed and the statement raises OperationalError. Nothing is cancelled: that would end a commit's wait
    for its standby, as if it were done."""

    @property
    def pooled(self) -> bool:
        """Whether a pooler stands in between: then nothing of the session outlives a transaction."""
        return self._settings is not None

    def set_in_transactions(self, settings: Mapping[str, str]) -> None:
        """Set these within each transaction, since the next one may be another session's; statements by themselves run
        in a transaction of their own from now on, and none is prepared."""
        self.prepare_threshold = None
        self._settings = dict(settings)

    def set_all(self, settings: Mapping[str, str], *, local: bool) -> None:
        """Set these for the session, or for this transaction (``local``)."""
        super().execute(
            "SELECT pg_catalog.set_config(name, value, %s) FROM unnest(%s::text[], %s::text[]) AS one (name, value)",
            [local, list(settings), list(settings.values())],
        )

    @contextmanager
    def transaction(self, savepoint_name: str | None = None, force_rollback: bool = False) -> Iterator[Transaction]:
        """``psycopg.Connection.transaction``."""
        outermost = self._idle
        with super().transaction(savepoint_name, force_rollback) as transaction:
            if outermost and self._settings is not None:
                self.set_all(self._settings, local=True)
            yield transaction

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction that only reads, and sees the database as it is at its first statement."""
        self.isolation_level, self.read_only = IsolationLevel.REPEATABLE_READ, True
        try:
            with self.transaction():
                yield
        finally:
            if self._idle:
                self.isolation_level = self.read_only = None

    def execute(  # type: ignore[override]  # of its overloads we use one
        self, query: QueryNoTemplate, params: Params | None = None, **options: Any
    ) -> psycopg.Cursor[TupleRow]:
        """``psycopg.Connection.execute``."""
        if self.pooled and self._idle:
            with self.transaction():
                return super().execute(query, params, **options)
        return super().execute(query, params, **options)

    @property
    def _idle(self) -> bool:
        return self.pgconn.transaction_status == TransactionStatus.IDLE

    def make_staging(self, tables: bytes) -> None:
        """Make temporary tables of this connection, or of this transaction where there is a pooler."""
        if not self.pooled:
            self.execute(tables)
        elif not self._idle:
            self.execute(tables.replace(b"ON COMMIT DELETE ROWS", b"ON COMMIT DROP"))

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
        if self.silence_s is not None:
            gen = _limited(gen, self.silence_s)
        if self._meanwhile is not None:
            gen = _interleaved(gen, self.pgconn.socket, self._meanwhile)
        try:
            return super().wait(gen, *args, **options)
        except _SilentServerError:
            self.close()
            raise


class _SilentServerError(psycopg.OperationalError):
    """Nothing came from the server for too long."""


def _limited(gen: PQGen[_T], silence_s: float) -> PQGen[_T]:
    """``gen``, until nothing has come for so long."""
    try:
        wanted = next(gen)
        until = time.monotonic() + silence_s
        while True:
            ready = yield wanted
            if ready:
                until = time.monotonic() + silence_s
            elif time.monotonic() > until:
                raise _SilentServerError(f"the server has not answered for {silence_s:g} s")
            wanted = gen.send(ready)
    except StopIteration as done:
        value: _T = done.value
        return value


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
    with _Selector() as selector:
        selector.register(socket, wanted)  # psycopg's numbers are the selector's
        return not selector.select(seconds)
