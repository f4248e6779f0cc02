"""Where records wait between the agent's thread and the store: the protocol, and the journal in memory.

The agent's threads append; one drain thread takes batches, in order, one at a time, and acknowledges each when the
store has committed it. Nothing here waits for a network, and :meth:`Journal.append` never raises.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from atlas_otel.delivery.accounts import Accounts, count_spans_and_events
from atlas_otel.process import fork
from atlas_otel.records.record import EventRecord, Record, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.records.store import PoisonedRecord

DEFAULT_MAX_RECORDS: Final = 100_000
DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024

_FIXED_BYTES: Final = 1_500
"""What a record weighs in memory beside its text: its tuple, its attributes' dict, ids and numbers. Rounded up."""


@dataclass(slots=True)
class JournalBatch:
    """Records that were taken together, and are acknowledged together.

    ``upto``: the number of records, from the journal's first, that are taken once this batch is. ``size``: their weight
    in bytes, in memory or on disk. ``adopted``: they are another, dead process' records, and no part of this one's
    accounts. ``accounted``: the accounts know what became of them.
    """

    records: list[Record]
    upto: int = 0
    size: int = 0
    adopted: bool = False
    accounted: bool = False


class Journal(Protocol):
    """Holds records until the store has them."""

    idle: bool
    """The drain thread sleeps: who appends wakes it. Only the drain sets it to true."""
    durable: bool
    """What it holds outlives the process."""

    @property
    def accepted(self) -> int:
        """How many records were ever taken in by this process; compare with :attr:`JournalBatch.upto`."""

    def append(self, record: Record) -> bool:
        """Take a record, on the agent's thread: no raise, no wait. False, and counted, where it was refused."""

    def take(self, max_records: int, max_bytes: int) -> JournalBatch | None:
        """The oldest records; None where there are none. The one before must have been acknowledged."""

    def ack(self, batch: JournalBatch) -> None:
        """The store has committed the batch, or set its records aside: let go of them."""

    def set_aside(self, poisoned: Sequence[PoisonedRecord]) -> None:
        """The store broke on these each time: keep them elsewhere, if it can. Never raises.

        (What a store *refuses* it keeps itself.)
        """

    def prepare(self) -> None:
        """Housekeeping on the drain thread, so that appends find everything ready."""

    def adopt_now(self) -> None:
        """Search for what dead processes left at the next take, not only after a while."""

    @property
    def checkpoint_due(self) -> bool:
        """Whether open spans should be written again, since what showed them is about to go. Resets itself."""

    def close(self, *, unfinished: bool = False) -> None:
        """Stop: later appends are refused. ``unfinished``: spans are still open that a next process should close."""

    def after_fork(self) -> None:
        """In a forked child: forget all that is the parent's, without touching it."""


def weight(record: Record) -> int:
    """About how many bytes a record holds on to: the text in it, and a fixed part."""
    if isinstance(record, EventRecord):
        return _FIXED_BYTES + len(record.payload)
    total = _FIXED_BYTES
    for value in record.attributes.values():
        if type(value) is str or type(value) is bytes:
            total += len(value)
        elif isinstance(value, (list, tuple)):
            total += 64 * len(value) + sum(len(v) for v in value if type(v) is str)
    for event in record.events:
        total += 300 + sum(len(v) for v in event.attributes.values() if type(v) is str)
    return total


class MemoryJournal:
    """A bounded queue. What it holds dies with the process.

    Policy when full (by records or by bytes): the newest is refused, and counted as ``queue_full``; what was accepted
    stays accepted. A record that is alone larger than the bound is refused too.
    """

    def __init__(
        self, accounts: Accounts, *, max_records: int = DEFAULT_MAX_RECORDS, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        self.durable = False
        self._accounts = accounts
        self._max_records = max_records
        self._max_bytes = max_bytes
        self.after_fork()

    def after_fork(self) -> None:
        """Begin empty: what the parent queued is the parent's to store."""
        self._lock = fork.lock()
        self._queue: deque[tuple[Record, int]] = deque()
        self._bytes = 0
        self._held = 0
        self._accepted = 0
        self._closed = False
        self.idle = True

    @property
    def accepted(self) -> int:
        """How many records were ever taken in."""
        return self._accepted

    @property
    def checkpoint_due(self) -> bool:
        """Never: nothing here outlives the process."""
        return False

    def append(self, record: Record) -> bool:
        """Queue a record; False where the queue is full or closed."""
        size = weight(record)
        with self._lock:
            if self._closed:
                self._accounts.refused(record, "shutdown")
                return False
            if self._held >= self._max_records or self._bytes + size > self._max_bytes:
                self._accounts.refused(record, "queue_full")
                return False
            before = self._accepted
            try:
                self._held += 1
                self._bytes += size
                self._accepted += 1
                self._queue.append((record, size))
                self._accounts.accepted(record)
            except BaseException:  # a signal's handler raised: what is queued is accepted all the same
                if self._accepted > before and not self._accounts.knows(record):
                    self._accounts.accepted(record)
                raise
            return True

    def take(self, max_records: int, max_bytes: int) -> JournalBatch | None:
        """The oldest records, at least one where there is one; they count against the bounds until acknowledged."""
        batch = JournalBatch([])
        queue = self._queue
        while queue and len(batch.records) < max_records:
            if batch.records and batch.size + queue[0][1] > max_bytes:
                break
            record, size = queue.popleft()
            batch.records.append(record if isinstance(record, EventRecord) else readable(record))
            batch.size += size
        if not batch.records:
            return None
        # Taken records are held until acknowledged, so: all accepted, less those still queued.
        with self._lock:
            batch.upto = self._accepted - len(queue)
        return batch

    def ack(self, batch: JournalBatch) -> None:
        """Let go of the batch's weight."""
        with self._lock:
            self._held -= len(batch.records)
            self._bytes -= batch.size

    def set_aside(self, poisoned: Sequence[PoisonedRecord]) -> None:
        """There is nowhere to keep them."""

    def prepare(self) -> None:
        """Nothing to prepare."""

    def adopt_now(self) -> None:
        """Dead processes leave nothing here."""

    def close(self, *, unfinished: bool = False) -> None:
        """Refuse what comes from now on; what is queued is dropped (``shutdown``). Idempotent."""
        with self._lock:
            self._closed = True
            left = [record for record, _ in self._queue]
            self._queue.clear()
            self._held -= len(left)
            self._accounts.lost(*count_spans_and_events(left), "shutdown")
