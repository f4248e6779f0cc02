"""A store, opened when it is needed; what it breaks on is told from what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.errors import PermanentStoreError, RetryableStoreError, StoreError
from atlas_otel.records.store import PoisonedRecord, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.records.record import Record
    from atlas_otel.records.store import Store

_BROKEN_TRIES: Final = 5
"""How often a batch is tried of which no record goes in, before its records are set aside."""


class StoreWriter:
    """Writes batches through a store; raises StoreError only. For one thread.

    ``set_aside`` takes the records that the store breaks on each time.
    """

    def __init__(
        self,
        factory: Callable[[], Store],
        accounts: Accounts,
        set_aside: Callable[[Sequence[PoisonedRecord]], None],
    ) -> None:
        self._factory = factory
        self._accounts = accounts
        self._set_aside = set_aside
        self._store: Store | None = None
        self._broken = 0

    def write(self, records: Sequence[Record]) -> WriteResult:
        """Write a batch. Where the store breaks on it (not: refuses it), record by record, to find out which it is."""
        try:
            result = self._opened().write(records)
            self._broken = 0
            return result
        except StoreError:
            raise
        except Exception:  # a defect of the store's, or a record that nobody foresaw
            self._accounts.absorbed("store")
        refused: list[PoisonedRecord] = []
        broke: list[PoisonedRecord] = []
        for record in records:
            self.close()
            try:
                refused += self._opened().write([record]).poisoned
            except StoreError:
                raise
            except Exception as error:
                broke.append(PoisonedRecord(record, type(error).__name__))
        self._broken = self._broken + 1 if len(broke) == len(records) else 0
        if 0 < self._broken < _BROKEN_TRIES:
            # Nothing went in: more likely the store's fault than that of every record.
            raise RetryableStoreError(f"the store broke on every record ({broke[0].reason})")
        self._broken = 0
        self._set_aside(broke)
        return WriteResult(len(records) - len(broke) - len(refused), (*refused, *broke))

    def project(self, limit: int) -> int:
        """``Store.project``."""
        try:
            return self._opened().project(limit=limit)
        except StoreError:
            raise
        except Exception as error:
            self._accounts.absorbed("project")
            raise PermanentStoreError(f"projecting failed ({type(error).__name__})") from error

    def close(self) -> None:
        """Let go of the store; the next call opens another one."""
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except Exception:  # it is given up anyway
                self._accounts.absorbed("store_close")

    def _opened(self) -> Store:
        if self._store is None:
            try:
                self._store = self._factory()
            except StoreError:
                raise
            except Exception as error:
                self._accounts.absorbed("store_open")
                raise PermanentStoreError(f"the store cannot be opened ({type(error).__name__})") from error
        return self._store
