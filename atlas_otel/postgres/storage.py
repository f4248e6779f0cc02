"""A database, and the way of records into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.storage import Storage, Target, storage_to
from atlas_otel.errors import ConfigError
from atlas_otel.records.store import DEFAULT_PATIENCE, Patience

if TYPE_CHECKING:
    from atlas_otel.records.store import Store
    from atlas_otel.settings import Durability, Projection, Settings

__all__ = ["Storage", "open_storage", "patience_of", "storage_for"]


def open_storage(settings: Settings) -> Storage:
    """The way into ``settings.database_url``. No thread and no connection before there is a record to store.

    Raises ConfigError where the URL is none, or the driver, the embedded server or the spool's folder cannot be used;
    where nobody named that folder, and the user's own cannot be used, memory takes its place, and a line says so.
    """
    url = settings.database_url
    assert url is not None
    return storage_for(url, settings.durability, patience=patience_of(settings), projection=settings.projection)


def patience_of(settings: Settings) -> Patience:
    """How long sessions must be quiet before they are over."""
    return Patience(settings.quiet_s, settings.root_wait_s)


def storage_for(
    database_url: str,
    durability: Durability,
    *,
    accounts: Accounts | None = None,
    patience: Patience = DEFAULT_PATIENCE,
    projection: Projection = "own",
    project_every_s: float | None = None,
    spool_bytes: int | None = None,
) -> Storage:
    """The same, for a URL and a durability.

    ``accounts``: who keeps them, where it is not :class:`Accounts` itself. ``patience``: how long a session must be
    quiet before it is over. ``projection``: as in the settings. ``project_every_s``: project what other
    processes stored too, this often, also when nothing comes in here. ``spool_bytes``: the bound of the spool's folder.
    """
    try:
        from atlas_otel.postgres.dsn import check_usable, describe
    except ImportError as error:  # psycopg without libpq
        said = " ".join(str(error).split())
        raise ConfigError(f"the Postgres driver cannot be loaded ({said}): pip install 'psycopg[binary]'") from None

    check_usable(database_url)

    def open_store(_: object) -> Store:  # what it refuses, a database keeps itself
        from atlas_otel.postgres.store import PostgresStore

        return PostgresStore(database_url, patience=patience)

    return storage_to(
        Target(describe(database_url), open_store),
        durability,
        accounts if accounts is not None else Accounts(),
        projection=projection,
        project_every_s=project_every_s,
        settle_s=patience,
        spool_bytes=spool_bytes,
    )
