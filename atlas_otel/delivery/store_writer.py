"""A store, opened when it is needed. What keeps every record out is told from what is wrong with one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.errors import PermanentStoreError, StoreError, UnavailableStoreError
from atlas_otel.projection.pricing import priced
from atlas_otel.records.store import PoisonedRecord, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.records.record import Record
    from atlas_otel.records.store import Projected, Store, Wanted


class StoreWriter:
    """Writes batches through a store; raises StoreError only. For one thread.

    ``set_aside`` takes the records that break the store while it takes others.
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

    def write(self, records: Sequence[Record]) -> WriteResult:
        """Write a batch. Where the store breaks on it (not: refuses it), record by record, to find out which it is."""
        store = self._opened()
        try:
            records = priced(records)
            return store.write(records)
        except StoreError:
            raise
        except Exception as error:  # a defect of the store's, or a record that nobody foresaw
            self._accounts.absorbed("store")
            self._check(error)
        return self._write_one_by_one(records)

    def _write_one_by_one(self, records: Sequence[Record]) -> WriteResult:
        refused: list[PoisonedRecord] = []
        broke: list[PoisonedRecord] = []
        for record in records:
            store = self._opened()
            try:
                refused += store.write([record]).poisoned
            except StoreError:
                raise
            except Exception as error:
                self._check(error)
                broke.append(PoisonedRecord(record, type(error).__name__))
        if broke:
            self._set_aside(broke)
        return WriteResult(len(records) - len(broke) - len(refused), (*refused, *broke))

    def _check(self, broken: Exception) -> None:
        """Whether the store, opened anew, takes records at all after it broke; UnavailableStoreError where not."""
        self.close()
        store = self._opened()
        try:
            store.check()
        except StoreError:
            raise
        except Exception:
            raise UnavailableStoreError(f"the store breaks on every record ({_reason(broken)})") from broken

    def project(self, limit: int) -> int:
        """``Store.project``."""
        store = self._opened()
        try:
            return store.project(limit=limit)
        except StoreError:
            raise
        except Exception as error:
            raise self._not_projected(error) from error

    def project_wanted(self, wanted: Wanted, limit: int) -> Projected:
        """``Store.project_wanted``."""
        store = self._opened()
        try:
            return store.project_wanted(wanted, limit=limit)
        except StoreError:
            raise
        except Exception as error:
            raise self._not_projected(error) from error

    def _not_projected(self, error: Exception) -> StoreError:
        self._accounts.absorbed("project")
        return PermanentStoreError(f"projecting failed ({type(error).__name__})")

    def close(self) -> None:
        """Let go of the store; the next call opens another one."""
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except Exception:  # it is given up anyway
                self._accounts.absorbed("store_close")

    def _opened(self) -> Store:
        """The store, open. UnavailableStoreError, whatever it is that keeps it shut."""
        if self._store is None:
            try:
                self._store = self._factory()
                self._store.open()
            except Exception as error:
                self.close()
                if isinstance(error, UnavailableStoreError):
                    raise
                self._accounts.absorbed("store_open")
                raise UnavailableStoreError(f"the store cannot be opened: {_reason(error)}") from error
        return self._store


def _reason(error: Exception) -> str:
    """The class alone: what it says may quote a record."""
    return type(error).__name__
