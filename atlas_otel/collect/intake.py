"""What a request held → journal; the sender is answered once nothing of it can be lost here."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from atlas_otel.delivery.accounts import Accounts, is_snapshot
from atlas_otel.projection.dialects import is_understood
from atlas_otel.projection.unread import cause_of
from atlas_otel.records.record import EventRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_otel.delivery.accounts import Cause
    from atlas_otel.postgres.storage import Storage
    from atlas_otel.records.record import Record

_log = logging.getLogger("atlas_otel.collect")
_MOST_SAID: Final = 100
"""Scopes that are named in the log, each once."""
_SENT_AGAIN: Final[frozenset[str]] = frozenset({"queue_full", "spool_full", "disk_full", "spool_error", "shutdown"})


class ReceivedAccounts(Accounts):
    """The accounts of what was received. What there was no room for is the sender's still, who is told so and sends it
    again: it counts as turned away, and not as lost."""

    def reset(self) -> None:
        """Begin anew."""
        super().reset()
        self.turned_away: Counter[str] = Counter()
        """Records, by cause; each time."""

    def refused(self, record: Record, cause: Cause) -> None:
        """A journal did not take ``record``."""
        if cause not in _SENT_AGAIN or is_snapshot(record):
            super().refused(record, cause)
            return
        count = self._events if isinstance(record, EventRecord) else self._spans
        with self._lock:
            count.started -= 1
            count.open -= 1
            self.turned_away[cause] += 1


class Intake:
    """Hands records to a storage. Its methods wait (for a disk, or a database): not for an event loop."""

    def __init__(self, storage: Storage, accounts: ReceivedAccounts) -> None:
        self._storage = storage
        self._accounts = accounts
        self.full = False
        """Whether the last request found no room."""
        self._said: set[str] = set()

    def take(self, records: Sequence[Record]) -> bool:
        """Take ``records``: in the spool they are durable with that, else once they are :meth:`committed`. False where
        they must be sent again: some of them may then be stored already, and are the same when they come again.
        """
        journal, drain = self._storage.journal, self._storage.drain
        for record in records:
            if isinstance(record, EventRecord):
                self._accounts.event_started()
            else:
                self._accounts.span_started()
                if not is_understood(record):
                    self._accounts.absorbed(cause_of(record.scope))
                    self._say_once(record.scope)
            if not journal.append(record):
                self.full = True
                return False
        self.full = False
        if journal.idle:
            drain.wake()
        return True

    def _say_once(self, scope: str) -> None:
        if scope not in self._said and len(self._said) < _MOST_SAID:
            self._said.add(scope)
            _log.warning("spans of scope %s are kept but not understood: /metrics counts them", scope or "(none)")

    def committed(self, wait_s: float) -> bool:
        """Whether all that was taken is durable, within ``wait_s`` seconds where the database must commit first."""
        return self._storage.journal.durable or self._storage.drain.stored(max(0.0, wait_s))

    @property
    def store_failures(self) -> int:
        """How often in a row the database did not take what is there; it is kept, and tried again."""
        return self._storage.drain.failures
