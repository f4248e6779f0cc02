"""What every store of records promises: one protocol, and one contract suite (``tests/contract``) that each passes.

A store keeps records and, from them, the rows of the contract's tables. Implementations: ``postgres.store`` and
``testing.MemoryStore``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from atlas_otel.models.rows import SessionRows
    from atlas_otel.records.record import Record, RecordSet


class PoisonedRecord(NamedTuple):
    """A record that the store refused by itself while it took others, set aside so that the rest could go on."""

    record: Record
    reason: str


class WriteResult(NamedTuple):
    """What became of one batch: every record is either stored (again, perhaps) or poisoned."""

    stored: int
    poisoned: Sequence[PoisonedRecord] = ()


class Wanted(NamedTuple):
    """Which sessions are to be projected: those of these keys, and those of the records in these traces.

    ``max_weight``: how much may be held in memory, in bytes of records (each counts 1,500 beside its text); a session
    that weighs more is left to others. None: no bound.
    """

    keys: Sequence[str]
    traces: Sequence[str] = ()
    max_weight: int | None = None


class Projected(NamedTuple):
    """What projecting :class:`Wanted` came to.

    ``done``: how many sessions were brought up to date. ``pending``: keys of those that are not, or are to be looked at
    again once they have been quiet. ``busy``: how many of the wanted are behind their records because others hold them.
    ``large``: keys of those that weigh more than was allowed; ``failed``: why rows could not be computed, by key.
    """

    done: int
    pending: Sequence[str] = ()
    busy: int = 0
    large: Sequence[str] = ()
    failed: Mapping[str, str] = MappingProxyType({})


class Patience(NamedTuple):
    """How long nothing must have come for a session before it counts as over. In seconds."""

    quiet_s: float = 5.0
    """After the end of a root that came over OTLP: senders batch for five seconds, unless told otherwise."""
    root_s: float = 300.0
    """Where the outermost span of a trace of others has a parent that has not come: one model call may take minutes."""


DEFAULT_PATIENCE: Final = Patience()


class Store(Protocol):
    """Keeps records, idempotently, and projects them into contract rows.

    Every method may raise RetryableStoreError (the batch is to be offered again, whole) or PermanentStoreError.
    A store is used by one thread at a time; several stores, in several processes, may write one database.
    """

    def open(self) -> None:
        """Connect, unless that is done. The other methods do it too; by itself, what fails here is no record's fault.

        Raises UnavailableStoreError, which says why in one line.
        """

    def check(self) -> None:
        """Write a record that every store takes, and take it back. Raises UnavailableStoreError where that fails."""

    def write(self, records: Sequence[Record]) -> WriteResult:
        """Join ``records`` in, and mark their sessions dirty in the same transaction."""

    def project(self, *, limit: int = 100) -> int:
        """Bring the contract rows of up to ``limit`` dirty sessions up to date; how many were.

        Each under a lock of its own; sessions that another process is projecting are skipped.
        """

    def project_wanted(self, wanted: Wanted, *, limit: int = 100) -> Projected:
        """The same for the sessions that are wanted alone; which of them are still behind their records."""

    def settle(self, traces: Iterable[str]) -> None:
        """The sessions of these traces are over as they are: whoever brought them has no more of them."""

    def records(self, session: str) -> RecordSet:
        """All records of the session with this key; empty where there are none."""

    def rows(self, session: str) -> SessionRows | None:
        """The contract rows of the session with this key, as stored now."""

    def close(self) -> None:
        """Let go of connections. Idempotent."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
