"""``collect --lake``: what is taken goes straight into a lake, and needs no Postgres."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from atlas_otel.delivery.drain import Pace
from atlas_otel.delivery.storage import Target, storage_to
from atlas_otel.errors import ConfigError
from atlas_otel.lake.location import locate
from atlas_otel.lake.table import open_lake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.delivery.accounts import Accounts
    from atlas_otel.delivery.storage import Storage
    from atlas_otel.records.store import PoisonedRecord, Store
    from atlas_otel.settings import Durability

_RECORDS: Final = 20_000
_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class LakeDestination:
    """A lake that a collector writes to. ``every_s``: how long records may gather before they are committed, unless
    20,000 of them, or 64 MiB, are there sooner. Goes to worker processes as it is."""

    url: str
    catalog: str | None
    every_s: float

    def check(self) -> None:
        """Open the lake once, or make it: what is wrong with it is said before anybody sends. Raises as
        :func:`open_lake`."""
        if find_spec("pyiceberg") is None:
            raise ConfigError("collect --lake needs more packages: pip install 'atlas-otel[lake]'")
        open_lake(self.url, self.catalog, create=True).close()

    def storage(self, durability: Durability, accounts: Accounts, spool_bytes: int | None) -> Storage:
        """The way into the lake."""
        location = locate(self.url, self.catalog)

        def open_store(set_aside: Callable[[Sequence[PoisonedRecord]], None]) -> Store:
            from atlas_otel.lake.store import LakeStore

            return LakeStore(location, set_aside)

        target = Target(f"lake {location}", open_store, Pace(_RECORDS, _BYTES, self.every_s))
        return storage_to(target, durability, accounts, projection="none", spool_bytes=spool_bytes)
